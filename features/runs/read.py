"""Reads what a head or a transfer wrote to ``runs/``, if it is complete and up to date."""

from collections.abc import Sequence
from pathlib import Path

from features.errors import ProjectError
from features.runs.described import described, described_ensemble, described_transfer
from features.runs.sealed import DamagedError, Sealed, read_sealed
from features.runs.staleness import (
    ENSEMBLE_RECORD,
    RUN_RECORD,
    TRANSFER_RECORD,
    Sources,
    staleness,
)
from features.specs.ensembles import EnsembleSpec
from features.specs.heads import AnyHead, TransferSpec


class UnusableRunError(ProjectError):
    """A run that is missing, damaged, or was made with other settings than the present ones."""


def read_run(
    folder: Path, head: AnyHead, now: Sources | None = None, names: Sequence[str] = ()
) -> Sealed:
    """The run of a head, with the contents of the files `names`.

    `now` is what it would be trained on today (None: only the settings are compared). Raises
    UnusableRunError where it is missing, damaged or stale.
    """
    repro = f"run 'dvc repro {head.stage}'"
    run = _read(folder, RUN_RECORD, names, "not trained yet", repro)
    now = {} if now is None else now
    if other := staleness((run.record["head"], described(head)), (run.record["sources"], now)):
        raise UnusableRunError(f"{folder}: stale: trained with {other}; {repro}")
    return run


def read_as_trained(folder: Path, names: Sequence[str] = ()) -> Sealed:
    """The run in a folder, whatever params.yaml says now, with the contents of the files `names`.

    With ``weights/`` among the names come all of its weights. Raises UnusableRunError where it is
    missing or damaged.
    """
    repro = f"run 'dvc repro train@{folder.name}'"
    return _read(folder, RUN_RECORD, names, "not trained yet", repro)


def read_transfer(
    folder: Path, spec: TransferSpec, head: AnyHead, now: Sources, names: Sequence[str] = ()
) -> Sealed:
    """What a transfer left, with the contents of the files `names`; see `read_run`."""
    repro = f"run 'dvc repro transfer@{spec.name}'"
    tested = _read(folder, TRANSFER_RECORD, names, "not tested yet", repro)
    settings = (tested.record["settings"], described_transfer(spec, head))
    if other := staleness(settings, (tested.record["sources"], now)):
        raise UnusableRunError(f"{folder}: stale: tested with {other}; {repro}")
    return tested


def read_ensemble(
    folder: Path,
    spec: EnsembleSpec,
    heads: Sequence[AnyHead],
    now: Sources,
    names: Sequence[str] = (),
) -> Sealed:
    """What an ensemble left, with the contents of the files `names`; see `read_run`."""
    repro = f"run 'dvc repro ensemble@{spec.name}'"
    made = _read(folder, ENSEMBLE_RECORD, names, "not made yet", repro)
    settings = (made.record["settings"], described_ensemble(spec, heads))
    if other := staleness(settings, (made.record["sources"], now)):
        raise UnusableRunError(f"{folder}: stale: made with {other}; {repro}")
    return made


def _read(folder: Path, record: str, names: Sequence[str], absent: str, repro: str) -> Sealed:
    try:
        sealed = read_sealed(folder, record, names)
    except DamagedError as error:
        heal = f"run 'python cli.py runs heal {folder.name}'"
        raise UnusableRunError(f"{folder}: damaged: {error}; {heal}") from None
    if sealed is None:
        raise UnusableRunError(f"{folder}: {absent}; {repro}")
    return sealed
