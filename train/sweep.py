"""Searches the settings of a head on its dev parts. No test part is ever looked at."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from features.errors import ProjectError
from features.files import canonical_json, write_atomic
from features.head_specs import HeadSpec
from features.manifest import Label
from features.store.reader import Store
from features.sweep_specs import RangeSpec, SweepSpec
from train.checkpoint import run_key
from train.dataset import CPU, Part, load_dataset
from train.fit import fit
from train.metrics import LOWER_IS_BETTER
from train.protocol import Parts, cut
from train.task_facts import task_facts
from train.tracking import Tracker


@dataclass(frozen=True)
class Trial:
    """One set of settings: the mean over folds and seeds of its best dev figure, or what failed."""

    number: int
    settings: Mapping[str, Any]
    dev: float | None
    failure: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The trial as plain JSON."""
        return dict(vars(self))


def search(
    spec: SweepSpec,
    head_of: Callable[[Mapping[str, Any]], HeadSpec],
    written: Mapping[str, Any],
    labels: Sequence[Label],
    stores: Mapping[str, Store],
    file: Path,
    tracker: Tracker,
) -> Iterator[Trial]:
    """Run the trials of a sweep one after another; each is in `file` before the next begins.

    Settings are proposed by a tree-structured Parzen estimator (Bergstra et al. 2011). A sweep that
    was interrupted goes on with the same proposals; one of another space, head, corpus or code
    (`written` is what params.yaml says of both) begins anew. Trials with settings that do not fit
    each other are kept, with the reason.
    """
    key = run_key(written, labels, stores)
    told = _read(file, key)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=spec.seed)
    )
    for number in range(spec.trials):
        asked = study.ask()
        settings = {path: _proposed(asked, path, c) for path, c in spec.space.items()}
        if number < len(told):
            trial = told[number]
        else:
            trial = _run(number, settings, head_of, labels, stores, tracker)
            told.append(trial)
            _write(file, key, told)
        worse = trial.dev is not None and _choose_by(written) in LOWER_IS_BETTER
        value = trial.dev if trial.dev is None or not worse else -trial.dev
        study.tell(asked, value, TrialState.FAIL if value is None else TrialState.COMPLETE)
        yield trial


def ranked(trials: Sequence[Trial], choose_by: str) -> list[Trial]:
    """The trials, best dev figure first and failed ones last; ProjectError where all failed."""
    if all(trial.dev is None for trial in trials):
        raise ProjectError(f"all {len(trials)} trials failed; the first: {trials[0].failure}")
    sign = 1 if choose_by in LOWER_IS_BETTER else -1
    return sorted(trials, key=lambda trial: (trial.dev is None, sign * (trial.dev or 0.0)))


def _choose_by(written: Mapping[str, Any]) -> str:
    return str(written["choose_by"])


def _proposed(asked: optuna.Trial, path: str, choices: RangeSpec | list[Any]) -> Any:
    if isinstance(choices, list):
        return choices[asked.suggest_int(path, 0, len(choices) - 1)]
    if choices.whole:
        return asked.suggest_int(path, int(choices.low), int(choices.high), log=choices.log)
    return asked.suggest_float(path, choices.low, choices.high, log=choices.log)


def _run(
    number: int,
    settings: Mapping[str, Any],
    head_of: Callable[[Mapping[str, Any]], HeadSpec],
    labels: Sequence[Label],
    stores: Mapping[str, Store],
    tracker: Tracker,
) -> Trial:
    try:
        spec = head_of(settings)
        where = f"params.yaml: heads.{spec.name}"
        scores = [
            _dev_score(spec, where, parts, seed, stores, tracker, f"trial-{number}")
            for parts in cut(spec.protocol, labels, where)
            for seed in spec.seeds
        ]
    except ProjectError as error:
        return Trial(number, settings, None, str(error))
    return Trial(number, settings, float(np.mean(scores)))


def _dev_score(
    spec: HeadSpec,
    where: str,
    parts: Parts,
    seed: int,
    stores: Mapping[str, Store],
    tracker: Tracker,
    name: str,
) -> float:
    facts = task_facts(spec, parts, where)
    train, dev = (
        Part(load_dataset(stores, [label.id for label in part]), part)
        for part in (parts.train, parts.dev)
    )
    with tracker.training(f"{name}/{parts.fold}/seed-{seed}") as log:
        fitted = fit(spec, facts, train, dev, seed, log, device=CPU)
    chosen = fitted.epochs[fitted.best_epoch - 1]
    figures = [v for k, v in chosen.items() if k.startswith("dev_") and k.endswith(spec.choose_by)]
    return float(np.mean(figures))


def _read(file: Path, key: str) -> list[Trial]:
    if not file.exists():
        return []
    head, *lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [Trial(**line) for line in lines] if head == {"key": key} else []


def _write(file: Path, key: str, trials: Sequence[Trial]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"key": key}, *(trial.as_dict() for trial in trials)]
    write_atomic(file, b"".join(canonical_json(line) for line in lines))
