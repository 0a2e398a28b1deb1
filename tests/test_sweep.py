"""Searches look at dev alone, keep every trial, and go on where they were stopped."""

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
from tests.head_world import facts_of, labels, parts_of, spec, store  # noqa: F401
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

    written = {"choose_by": spec.choose_by}
    stores = {"text": store}
    return list(search(sweep, head_of, written, labels, stores, file, NoTracker()))


def test_every_trial_is_kept_and_failed_ones_say_why(
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


def test_an_interrupted_sweep_goes_on_with_the_same_trials(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    whole = run(spec, labels, store, tmp_path / "whole.jsonl")
    file = tmp_path / "cut.jsonl"
    run(spec, labels, store, file, replace(SWEEP, trials=2))
    kept = file.read_text().splitlines()[:3]
    assert run(spec, labels, store, file) == whole
    assert file.read_text().splitlines()[:3] == kept
    assert file.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_test_labels_decide_nothing(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    turned = [
        replace(x, emotion="joy" if x.emotion == "anger" else "anger") if x.split == "test" else x
        for x in copy.deepcopy(labels)
    ]
    one = run(spec, labels, store, tmp_path / "one.jsonl")
    assert run(spec, turned, store, tmp_path / "other.jsonl") == one


def test_a_sweep_in_which_all_failed_says_so() -> None:
    with pytest.raises(ProjectError, match="all 1 trials failed; the first: dim is 9"):
        ranked([Trial(0, {}, None, "dim is 9")])


def test_the_best_comes_first_and_what_failed_last() -> None:
    trials = [Trial(0, {}, None, "x"), Trial(1, {}, -5.0), Trial(2, {}, -4.0)]
    assert [trial.number for trial in ranked(trials)] == [2, 1, 0]


@pytest.mark.parametrize("choose_by", ["accuracy", "macro_f1"])
def test_a_trial_is_scored_by_what_the_head_is_chosen_by(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path, choose_by: str
) -> None:
    uneven = [x for x in labels if x.split != "dev" or x.emotion == "joy" or x.id in ("u40", "u42")]
    training = replace(spec.training, choose_by=choose_by)  # type: ignore[arg-type]
    spec = replace(spec, training=training)
    data = parts_of(uneven, store)
    sweep = replace(SWEEP, trials=1, space={**SPACE, "dim": [16]})
    (trial,) = run(spec, uneven, store, tmp_path / "t.jsonl", sweep)
    settings = trial.settings
    training = replace(training, lr=settings["training.lr"], seeds=[0], epochs=3)
    dim, dropout = settings["dim"], settings["dropout"]
    head = replace(spec, dim=dim, dropout=dropout, training=training)
    epochs = fit(head, facts_of(data["train"]), data["train"], data["dev"], 0).epochs
    assert trial.score == max(epoch[f"dev_emotion_{choose_by}"] for epoch in epochs)
