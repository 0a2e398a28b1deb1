"""Sweeps score trials on dev alone, keep every trial, and resume where they were interrupted."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from features.errors import ProjectError
from features.manifest import Label
from features.specs.heads import HeadSpec
from features.specs.sweeps import RangeSpec, SweepSpec
from features.store.reader import Store
from tests.head_world import facts_of, labels, spec, splits_of, store  # noqa: F401
from train.loop.fit import fit
from train.loop.tracking import NoTracker
from train.runs.sweep import Trial, ranked, search

SPACE: Mapping[str, Any] = {
    "training.lr": RangeSpec(1e-6, 0.03, log=True),
    "dim": RangeSpec(8, 16),
    "dropout": [0.0, 0.1],
}
SWEEP = SweepSpec("s", "test", SPACE, trials=4)


def run(
    spec: HeadSpec, labels: list[Label], store: Store, file: Path, sweep: SweepSpec = SWEEP
) -> list[Trial]:
    def head_of(settings: Mapping[str, Any]) -> HeadSpec:
        if settings["dim"] % 4:
            raise ProjectError(f"dim is {settings['dim']}")
        training = replace(spec.training, lr=settings["training.lr"], seeds=[0], epochs=3)
        dim, dropout = settings["dim"], settings["dropout"]
        return replace(spec, dim=dim, dropout=dropout, training=training)

    entry = {"choose_by": spec.choose_by}
    stores = {"text": store}
    return list(search(sweep, head_of, entry, labels, stores, file, NoTracker()))


def test_every_trial_is_kept_and_a_failed_one_has_its_reason(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    trials = run(spec, labels, store, tmp_path / "trials.jsonl", replace(SWEEP, trials=8))
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 9
    assert all(1e-6 <= trial.settings["training.lr"] <= 0.03 for trial in trials)
    failed = [trial for trial in trials if trial.score is None]
    assert failed and all(f"dim is {t.settings['dim']}" == t.failure for t in failed)
    best, *rest = ranked(trials)
    assert best.score == max(t.score for t in trials if t.score is not None)
    assert rest[-1].score is None


def test_an_interrupted_sweep_resumes_with_the_same_trials(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    whole = run(spec, labels, store, tmp_path / "whole.jsonl")
    file = tmp_path / "interrupted.jsonl"
    run(spec, labels, store, file, replace(SWEEP, trials=2))
    lines = file.read_text().splitlines()[:3]
    assert run(spec, labels, store, file) == whole
    assert file.read_text().splitlines()[:3] == lines
    assert file.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_test_labels_change_no_trial(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    swapped = [
        replace(x, emotion="joy" if x.emotion == "anger" else "anger") if x.split == "test" else x
        for x in copy.deepcopy(labels)
    ]
    trials = run(spec, labels, store, tmp_path / "labels.jsonl")
    assert run(spec, swapped, store, tmp_path / "swapped.jsonl") == trials


def test_a_sweep_whose_trials_all_failed_is_refused() -> None:
    with pytest.raises(ProjectError, match="all 1 trials failed; the first: dim is 9"):
        ranked([Trial(0, {}, None, "dim is 9")])


def test_the_best_trial_comes_first_and_failed_ones_last() -> None:
    trials = [Trial(0, {}, None, "x"), Trial(1, {}, -5.0), Trial(2, {}, -4.0)]
    assert [trial.number for trial in ranked(trials)] == [2, 1, 0]


@pytest.mark.parametrize("choose_by", ["accuracy", "macro_f1"])
def test_a_trial_is_scored_by_the_metric_that_the_head_is_selected_by(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path, choose_by: str
) -> None:
    uneven = [x for x in labels if x.split != "dev" or x.emotion == "joy" or x.id in ("u40", "u42")]
    training = replace(spec.training, choose_by=choose_by)  # type: ignore[arg-type]
    spec = replace(spec, training=training)
    data = splits_of(uneven, store)
    sweep = replace(SWEEP, trials=1, space={**SPACE, "dim": [16]})
    (trial,) = run(spec, uneven, store, tmp_path / "t.jsonl", sweep)
    settings = trial.settings
    training = replace(training, lr=settings["training.lr"], seeds=[0], epochs=3)
    dim, dropout = settings["dim"], settings["dropout"]
    head = replace(spec, dim=dim, dropout=dropout, training=training)
    epochs = fit(head, facts_of(data["train"]), data["train"], data["dev"], 0).epochs
    assert trial.score == max(epoch[f"dev_emotion_{choose_by}"] for epoch in epochs)
