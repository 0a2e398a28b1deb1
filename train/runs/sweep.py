"""Searches the settings of a head on its dev sets. The test set is never used."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from features.errors import ProjectError
from features.files import canonical_json, digest_json, write_atomic
from features.manifest import Label
from features.specs.heads import HeadSpec
from features.specs.sweeps import RangeSpec, SweepSpec
from features.store.reader import Store
from train.data.dataset import CPU
from train.folds.label_facts import Facts, folds_of
from train.folds.split import Splits
from train.loop.checkpoint import run_key
from train.loop.fit import fit
from train.loop.tracking import Tracker
from train.model.contracts import Networks
from train.model.head import NO_NETWORKS
from train.runs.fold_data import fold_data

# Gives, by modality, the frozen network's layers that temporal encoders are made of.
NetworksOf = Callable[[HeadSpec], Networks]


@dataclass(frozen=True)
class Trial:
    """One set of settings, and what it reached on dev or why it failed.

    `score` is the mean of the best dev figure over folds and seeds, an error as a negative number.
    """

    number: int
    settings: Mapping[str, Any]
    score: float | None
    failure: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The trial as plain JSON."""
        return dict(vars(self))


DAMAGED = Trial(-1, {}, None)


def search(
    spec: SweepSpec,
    head_of: Callable[[Mapping[str, Any]], HeadSpec],
    head: Mapping[str, Any],
    labels: Sequence[Label],
    stores: Mapping[str, Store],
    file: Path,
    tracker: Tracker,
    networks_of: NetworksOf = lambda _: NO_NETWORKS,
) -> Iterator[Trial]:
    """Run the trials of a sweep one after another; each is in `file` before the next begins.

    Settings are proposed by a tree-structured Parzen estimator (Bergstra et al. 2011). A sweep that
    was interrupted, or is given more trials, resumes with the proposals it would have had; one of
    another space, head (`head` is its entry in params.yaml), corpus or code starts from the
    beginning. Trials whose settings contradict each other are kept, with the reason.
    """
    space = {path: c if isinstance(c, list) else vars(c) for path, c in spec.space.items()}
    key = run_key([head, list(space.items()), spec.seed, spec.seeds], labels, stores)
    finished = _read(file, key)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=spec.seed)
    )
    for number in range(spec.trials):
        proposal = study.ask()
        settings = {path: _proposed(proposal, path, c) for path, c in spec.space.items()}
        if number < len(finished):
            trial = finished[number]
        else:
            trial = _run(number, settings, head_of, labels, stores, tracker, networks_of)
            finished.append(trial)
            _write(file, key, finished)
        state = TrialState.FAIL if trial.score is None else TrialState.COMPLETE
        study.tell(proposal, trial.score, state)
        yield trial


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The trials, best first and failed ones last; ProjectError where all failed."""
    if all(trial.score is None for trial in trials):
        raise ProjectError(f"all {len(trials)} trials failed; the first: {trials[0].failure}")
    return sorted(trials, key=lambda trial: (trial.score is None, -(trial.score or 0.0)))


def _proposed(proposal: optuna.Trial, path: str, choices: RangeSpec | list[Any]) -> Any:
    if isinstance(choices, list):
        return choices[proposal.suggest_int(path, 0, len(choices) - 1)]
    if choices.whole:
        return proposal.suggest_int(path, int(choices.low), int(choices.high), log=choices.log)
    return proposal.suggest_float(path, choices.low, choices.high, log=choices.log)


def _run(
    number: int,
    settings: Mapping[str, Any],
    head_of: Callable[[Mapping[str, Any]], HeadSpec],
    labels: Sequence[Label],
    stores: Mapping[str, Store],
    tracker: Tracker,
    networks_of: NetworksOf,
) -> Trial:
    try:
        spec = head_of(settings)
        networks = networks_of(spec)
        scores = [
            _dev_score(
                spec, splits, facts, seed, stores, tracker, f"trial-{number}", settings, networks
            )
            for splits, facts in folds_of(spec, labels)
            for seed in spec.seeds
        ]
    except ProjectError as error:
        return Trial(number, settings, None, str(error))
    return Trial(number, settings, float(np.mean(scores)))


def _dev_score(
    spec: HeadSpec,
    splits: Splits,
    facts: Facts,
    seed: int,
    stores: Mapping[str, Store],
    tracker: Tracker,
    name: str,
    settings: Mapping[str, Any],
    networks: Networks,
) -> float:
    train, dev = fold_data(spec, stores, splits, ("train", "dev"))
    with tracker.training(f"{name}/{splits.fold}/seed-{seed}", settings) as log:
        fitted = fit(spec, facts, train, dev, seed, log, device=CPU, networks=networks)
    return fitted.best_score


def _read(file: Path, key: str) -> list[Trial]:
    """The trials that were finished before; those from a damaged line on run again."""
    if not file.exists():
        return []
    head, *lines = file.read_bytes().splitlines()
    if head != canonical_json({"key": key}).rstrip():
        return []
    trials: list[Trial] = []
    for number, line in enumerate(lines, 2):
        try:
            trial = Trial(**{k: v for k, v in json.loads(line).items() if k != "seal"})
        except (ValueError, TypeError, AttributeError):
            trial = DAMAGED
        if _line(key, trial).rstrip() != line:
            print(f"{file}, line {number} is damaged; its trial runs again", file=sys.stderr)
            break
        trials.append(trial)
    return trials


def _write(file: Path, key: str, trials: Sequence[Trial]) -> None:
    write_atomic(file, canonical_json({"key": key}), *(_line(key, trial) for trial in trials))


def _line(key: str, trial: Trial) -> bytes:
    """A trial as a line, sealed by a digest of it and of the sweep's key."""
    return canonical_json({**trial.as_dict(), "seal": digest_json([key, trial.as_dict()])})
