"""A whole run: the files it writes, over folds and seeds, and what its numbers depend on."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import ProjectError
from features.manifest import Label
from features.specs.heads import METRICS, HeadSpec, ProbeSpec, ProtocolSpec
from features.specs.tracks import LeafSpec
from features.store.reader import Store
from tests.head_world import labels, spec, store  # noqa: F401
from train.runs.run_head import run_head

SPEAKERS = ProtocolSpec(LeafSpec("speaker-folds", {"num_folds": 3, "seed": 0}))


@pytest.fixture
def probe(spec: HeadSpec) -> ProbeSpec:
    shared = {k: getattr(spec, k) for k in ("name", "corpus", "inputs", "tasks", "protocol")}
    return ProbeSpec(**shared)


def run(spec: Any, labels: list[Label], store: Store, folder: Path) -> dict[str, Any]:
    folder.parent.mkdir(exist_ok=True)
    return run_head(spec, labels, {"text": store}, folder)


def read_json(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def predictions(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]


def test_a_run_writes_all_of_its_files(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "runs" / "test"
    metrics = run(spec, labels, store, folder)
    assert read_json(folder, "metrics.json") == metrics
    assert set(metrics) == {"test", "ensemble", "dev", "majority", "shuffled"}
    figure = metrics["test"]["emotion"]
    assert tuple(figure) == METRICS["classes"]
    assert set(figure["accuracy"]) == {"mean", "std", "seeds", "low", "high"}
    assert len(figure["accuracy"]["seeds"]) == 2
    assert metrics["majority"]["emotion"]["accuracy"] == 0.5
    lines = predictions(folder)
    assert len(lines) == 2 * 20
    assert lines[0].keys() == {"id", "fold", "seed", "split", "emotion"}
    tested = [line for line in lines if line["split"] == "test" and line["seed"] == 0]
    truth = {label.id: label.emotion for label in labels}
    correct = [line["emotion"]["predicted"] == truth[line["id"]] for line in tested]
    assert np.mean(correct) == figure["accuracy"]["seeds"][0]
    assert {path.name for path in folder.iterdir()} == {
        "metrics.json", "evaluation.json", "predictions.jsonl", "run.json", "curves.csv",
        "confusion.csv", "calibration.json", "weights",
    }  # fmt: skip
    assert {path.name for path in (folder / "weights").iterdir()} == {
        "seed-0.safetensors", "seed-1.safetensors",
    }  # fmt: skip


def test_the_progress_says_which_training_is_the_control(
    spec: HeadSpec,
    labels: list[Label],
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("features.progress.LINE_EVERY_S", 0.0)
    run(spec, labels, store, tmp_path / "run")
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if ", shuffled-label control, seed 0, loss" in line]) >= 5
    assert [line for line in lines if " s left, seed 1, loss" in line]


def test_the_record_describes_the_head_its_tracks_and_its_folds(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    run(spec, labels, store, tmp_path / "run")
    record = read_json(tmp_path / "run", "run.json")
    assert record["stores"]["text"]["missing"] == {"missing": 1}
    assert record["facts"]["official"]["emotion"]["counts"] == [20, 20]
    fold = record["folds"]["official"]
    assert fold["num_utterances"] == {"train": 40, "dev": 10, "test": 10}
    assert not fold["dev_drawn"] and len(fold["chosen"]) == 2
    assert record["head"]["protocol"]["code"] == "official"


def test_the_evaluation_has_classes_calibration_and_robustness(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    run(spec, labels, store, tmp_path / "run")
    evaluation = read_json(tmp_path / "run", "evaluation.json")
    assert (
        evaluation["resampled"] == {"unit": "utterance", "count": 10} and evaluation["folds"] == {}
    )
    assert evaluation["classes"]["emotion"]["joy"]["support"] == 5
    assert len(evaluation["calibration"]["emotion"]["temperatures"]["official"]) == 2
    (robustness,) = evaluation["damage"]
    levels = [point["level"] for point in robustness["noise"]["text"]]
    assert levels == sorted(levels) and robustness["missing"] == {}
    assert robustness["noise"]["text"][-1]["mean"] < robustness["whole"]["mean"]


@pytest.mark.slow
def test_with_folds_every_utterance_is_tested_once(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    with_speakers = [replace(x, split=None, speaker=f"s{n // 4}") for n, x in enumerate(labels)]
    training = replace(spec.training, seeds=[0], epochs=3)
    metrics = run(
        replace(spec, protocol=SPEAKERS, training=training), with_speakers, store, tmp_path / "run"
    )
    lines = predictions(tmp_path / "run")
    assert sorted(x["id"] for x in lines if x["split"] == "test") == sorted(x.id for x in labels)
    by_fold = read_json(tmp_path / "run", "evaluation.json")["folds"]["emotion"]["accuracy"]
    assert set(by_fold) == {"fold-1", "fold-2", "fold-3"}
    assert np.mean(list(by_fold.values())) == pytest.approx(
        metrics["test"]["emotion"]["accuracy"]["mean"], abs=0.02
    )
    names = {path.name for path in (tmp_path / "run" / "weights").iterdir()}
    assert names == {f"fold-{n}-seed-0.safetensors" for n in (1, 2, 3)}
    record = read_json(tmp_path / "run", "run.json")
    assert all(f["dev_drawn"] and not f["shared_speakers"] for f in record["folds"].values())
    with (tmp_path / "run" / "curves.csv").open() as file:
        assert {row["fold"] for row in csv.DictReader(file)} == set(by_fold)


@pytest.mark.slow
def test_running_again_writes_the_same_bytes(
    spec: HeadSpec, probe: ProbeSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    def content(head: Any) -> dict[str, bytes]:
        run(head, labels, store, tmp_path / "run")
        files = (tmp_path / "run").rglob("*")
        return {path.name: path.read_bytes() for path in files if path.is_file()}

    assert content(spec) == content(spec)
    assert content(probe) == content(probe)


@pytest.mark.slow
def test_test_labels_change_nothing_but_the_scores(
    spec: HeadSpec, probe: ProbeSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    def lines(head: Any, labels: list[Label]) -> list[Any]:
        run(head, labels, store, tmp_path / "run")
        lines = predictions(tmp_path / "run")
        truth = {label.id: label.emotion for label in labels}
        for line in lines:
            assert line["emotion"].pop("truth") == truth[line["id"]]
        return [*lines, read_json(tmp_path / "run", "calibration.json")]

    swapped = [replace(x, emotion="joy") if x.split == "test" else x for x in labels]
    for head in (spec, probe):
        assert lines(head, labels) == lines(head, swapped)


def test_a_probe_learns_a_clear_difference_and_records_its_strength(
    probe: ProbeSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    metrics = run(probe, labels, store, tmp_path / "run")
    assert metrics["test"]["emotion"]["accuracy"]["mean"] >= 0.9
    assert metrics["shuffled"]["emotion"]["accuracy"] < 0.9
    (chosen,) = read_json(tmp_path / "run", "run.json")["folds"]["official"]["chosen"]
    assert chosen in probe.strengths


@pytest.mark.slow
def test_numbers_and_classes_are_predicted_together(
    spec: HeadSpec, probe: ProbeSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    scored = [replace(x, valence=4.0 if x.emotion == "joy" else 2.0, phq8=5.0) for x in labels]
    options = {"loss": "mse", "weight": 1.0}
    tasks = {"emotion": spec.tasks["emotion"], "vad": LeafSpec("vad", options)}
    training = replace(spec.training, seeds=[0], epochs=15, task_weights="uncertainty")
    both = replace(spec, tasks=tasks, training=training)
    metrics = run(both, scored, store, tmp_path / "run")
    assert set(metrics["test"]) == {"emotion", "valence"}
    assert metrics["test"]["valence"]["ccc"]["mean"] > 0.5
    assert metrics["majority"]["valence"]["ccc"] == 0
    line = predictions(tmp_path / "run")[0]
    assert 0 < line["valence"]["predicted"] < 6
    linear = replace(probe, tasks=tasks, choose_by="ccc")
    assert run(linear, scored, store, tmp_path / "run")["test"]["valence"]["ccc"]["mean"] > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("choose_by", ["rmse", "mae"])
def test_the_epoch_with_the_smallest_error_is_selected(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path, choose_by: Any
) -> None:
    scored = [replace(x, phq8=12.0 if x.emotion == "joy" else 4.0) for x in labels]
    training = replace(spec.training, seeds=[0], choose_by=choose_by, patience=6)
    tasks = {"phq8": LeafSpec("phq8", {"loss": "huber", "weight": 1.0})}
    run(replace(spec, tasks=tasks, training=training), scored, store, tmp_path / "run")
    with (tmp_path / "run" / "curves.csv").open() as file:
        errors = [float(row[f"dev_phq8_{choose_by}"]) for row in csv.DictReader(file)]
    record = read_json(tmp_path / "run", "run.json")
    assert record["folds"]["official"]["chosen"] == [errors.index(min(errors)) + 1]


def test_a_task_without_labels_is_refused(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    unlabelled = [replace(label, emotion=None) for label in labels]
    with pytest.raises(ProjectError, match="names 'emotion', but no train utterance of 'demo'"):
        run(spec, unlabelled, store, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    no_dev_labels = [replace(x, emotion=None) if x.split == "dev" else x for x in labels]
    with pytest.raises(ProjectError, match="no dev utterance of 'demo' in fold 'official' has"):
        run(spec, no_dev_labels, store, tmp_path / "run")


def test_a_single_class_is_refused(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    with pytest.raises(ProjectError, match="has only one class, 'joy'; there is nothing to learn"):
        run(spec, [replace(x, emotion="joy") for x in labels], store, tmp_path / "run")


def test_a_class_that_training_lacks_is_refused_by_name(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    unseen = [replace(labels[-1], emotion="fear") if x is labels[-1] else x for x in labels]
    with pytest.raises(
        ProjectError,
        match="the test split has utterances of the classes 'fear', but the training split has "
        "none",
    ):
        run(spec, unseen, store, tmp_path / "run")
