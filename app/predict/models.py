"""The trained model that a command names: a run of this project, or a bundle in a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from app.bundles.read import BUNDLE_RECORD, CALIBRATION, WEIGHTS, Model, read_bundle
from app.inputs import sources_of
from app.paths import RUNS_PATH
from features.errors import ProjectError, did_you_mean, quoted
from features.params.load import PARAMS_PATH, load_params
from features.runs.described import described
from features.runs.read import read_as_trained
from features.runs.restored import restored_head
from features.runs.staleness import RUN_RECORD, staleness


def read_model(name: str) -> Model:
    """The run NAME of this project, or the bundle in the folder NAME; a run before a bundle.

    A run that is stale answers as it was trained, and a line says so. Raises ProjectError where
    there is neither, where it is damaged, or where its record does not say how its tracks were
    made.
    """
    is_bundle = (Path(name) / BUNDLE_RECORD).is_file()
    if is_bundle and (Path(name).name != name or not (RUNS_PATH / name / RUN_RECORD).is_file()):
        return read_bundle(Path(name))
    return read_run_model(name)


def read_run_model(name: str) -> Model:
    """The run NAME of this project; see `read_model`."""
    folder = RUNS_PATH / name
    if Path(name).name != name or not (folder / RUN_RECORD).is_file():
        runs = sorted(path.parent.name for path in RUNS_PATH.glob(f"*/{RUN_RECORD}"))
        raise ProjectError(
            f"{name!r} is not a trained head of this project, nor the folder of a bundle; trained "
            f"heads are {quoted(runs) if runs else 'none (dvc repro trains them)'}."
            f"{did_you_mean(name, runs)}"
        )
    run = read_as_trained(folder, [CALIBRATION, WEIGHTS])
    if not run.record.get("extraction") or not run.contents[CALIBRATION]:
        raise ProjectError(
            f"{folder}: it was trained before runs recorded how their tracks were made; run "
            f"'dvc repro {restored_head(run.record['head']).stage}'"
        )
    _say_if_stale(name, run.record)
    weights = {file: content for file, content in run.contents.items() if file != CALIBRATION}
    return Model(name, run.record, weights, run.json(CALIBRATION))


def _say_if_stale(name: str, record: Mapping[str, Any]) -> None:
    """Say in what the run differs from what params.yaml would train now."""
    if not PARAMS_PATH.is_file():
        return
    try:
        head = load_params().heads.get(name)
        first = RUNS_PATH / head.needs if head is not None and head.needs else None
        now = {} if head is None else sources_of(head, head.corpus, first)
    except ProjectError as error:
        reason = str(error).splitlines()[0]
        click.echo(f"{name}: cannot check whether it is stale ({reason})", err=True)
        return
    if head is None:
        click.echo(f"{name}: params.yaml has no such head; using it as it was trained", err=True)
        return
    if other := staleness((record["head"], described(head)), (record["sources"], now)):
        click.echo(
            f"{name}: its run is stale (trained with {other}); using it as it was trained",
            err=True,
        )
