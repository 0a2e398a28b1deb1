"""Heads tested on another corpus: classes are matched by name, and the others are left out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from features.errors import ProjectError
from features.manifest import Label
from features.runs.sealed import write_sealed
from features.specs.heads import HeadSpec, ProbeSpec, TransferSpec
from features.store.reader import Store
from tests.head_world import labels, spec, store, store_of  # noqa: F401
from train.runs.label_mapping import map_labels
from train.runs.run_head import run_head
from train.runs.transfer import run_transfer
from train.scoring.class_measure import ClassMeasure
from train.scoring.number_measure import NumberMeasure

MEASURES = [
    ClassMeasure("emotion", ("anger", "joy", "neutral")),
    NumberMeasure("valence", "vad"),
]


def transfer_spec(**names: str) -> TransferSpec:
    return TransferSpec("abroad", "main", "other", {"text": "minilm"}, {"emotion": names})


def labels_of(*emotions: str | None) -> list[Label]:
    return [Label(f"o{n}", emotion=name, valence=3.0) for n, name in enumerate(emotions)]


class TestMapping:
    def test_equal_names_need_no_mapping_and_other_classes_are_dropped_and_counted(self) -> None:
        mapped = map_labels(
            transfer_spec(happy="joy"),
            MEASURES[:1],
            labels_of("happy", "anger", "disgust", "disgust", None),
        )
        assert [x.emotion for x in mapped.labels] == ["joy", "anger"]
        assert mapped.used == {"emotion": {"anger": "anger", "happy": "joy"}}
        assert mapped.dropped == {"emotion": {"disgust": 2}}

    def test_several_classes_may_become_one(self) -> None:
        mapped = map_labels(
            transfer_spec(happy="joy", calm="neutral"),
            MEASURES[:1],
            labels_of("happy", "calm", "neutral"),
        )
        assert [x.emotion for x in mapped.labels] == ["joy", "neutral", "neutral"]

    def test_an_utterance_that_one_task_drops_stays_for_another(self) -> None:
        mapped = map_labels(transfer_spec(), MEASURES, labels_of("joy", "anger", "disgust"))
        assert [x.emotion for x in mapped.labels] == ["joy", "anger", None]
        assert len(mapped.labels) == 3 and mapped.dropped == {"emotion": {"disgust": 1}}

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ({"hapy": "joy"}, r"names 'hapy', a class that the corpus does not.*mean 'happy'\?"),
            ({"happy": "joi"}, r"happy is 'joi', a class that the head does not have.*'joy'\?"),
        ],
    )  # fmt: skip
    def test_an_unknown_class_is_refused_with_the_nearest(
        self, names: dict[str, str], message: str
    ) -> None:
        with pytest.raises(ProjectError, match=message):
            map_labels(transfer_spec(**names), MEASURES[:1], labels_of("happy", "anger", "joy"))

    def test_fewer_than_two_shared_classes_are_refused(self) -> None:
        with pytest.raises(ProjectError, match="share fewer than two classes of 'emotion'"):
            map_labels(transfer_spec(), MEASURES[:1], labels_of("joy", "sad"))

    def test_a_task_that_the_corpus_does_not_label_is_refused(self) -> None:
        with pytest.raises(ProjectError, match="no utterance of 'other' has the label 'emotion'"):
            map_labels(transfer_spec(), MEASURES[:1], labels_of(None))


@pytest.fixture
def trained(spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path) -> Path:
    run_head(spec, labels, {"text": store}, tmp_path / "main")
    return tmp_path / "main"


def other_corpus(tmp_path: Path, labels: list[Label]) -> tuple[list[Label], Store]:
    """The same tracks under other names, with a class that the head does not have."""
    named = [replace(x, id=f"o{x.id}", split=None) for x in labels]
    (tmp_path / "other").mkdir(exist_ok=True)
    other_store = store_of(tmp_path / "other", named)
    names = {"joy": "happy", "anger": "angry"}
    renamed = [replace(x, emotion=names[str(x.emotion)]) for x in named[:-4]]
    return renamed + [replace(x, emotion="calm") for x in named[-4:]], other_store


class TestRun:
    def test_every_head_of_the_run_is_tested_on_the_shared_classes(
        self, spec: HeadSpec, labels: list[Label], trained: Path, tmp_path: Path
    ) -> None:
        renamed, other_store = other_corpus(tmp_path, labels)
        metrics = run_transfer(
            transfer_spec(happy="joy", angry="anger"),
            spec,
            trained,
            renamed,
            {"text": other_store},
            tmp_path / "t",
        )
        figure = metrics["test"]["emotion"]["accuracy"]
        assert (
            figure["mean"] > 0.9 and len(figure["seeds"]) == 2 and figure["low"] <= figure["mean"]
        )
        record = json.loads((tmp_path / "t" / "transfer.json").read_text())
        assert metrics["majority"]["emotion"]["accuracy"] == 0.5
        assert record["num_utterances"] == 56 and record["dropped"] == {"emotion": {"calm": 4}}
        assert {p.name for p in (tmp_path / "t").iterdir()} == {
            "metrics.json", "transfer.json", "predictions.jsonl", "confusion.csv",
        }  # fmt: skip

    def test_a_restored_probe_predicts_the_same(
        self, spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
    ) -> None:
        shared: Any = {
            k: getattr(spec, k) for k in ("name", "corpus", "inputs", "tasks", "protocol")
        }
        probe = ProbeSpec(**shared)
        run, folder = tmp_path / "main", tmp_path / "t"
        run_head(probe, labels, {"text": store}, run)
        lines = map(json.loads, (run / "predictions.jsonl").read_text().splitlines())
        emotions = {x["id"]: x["emotion"] for x in lines if x["split"] == "test"}
        run_transfer(transfer_spec(), probe, run, labels, {"text": store}, folder)
        lines = map(json.loads, (folder / "predictions.jsonl").read_text().splitlines())
        assert {x["id"]: x["emotion"] for x in lines if x["id"] in emotions} == emotions

    def test_a_head_with_other_settings_or_without_a_run_is_refused(
        self, spec: HeadSpec, labels: list[Label], trained: Path, store: Store, tmp_path: Path
    ) -> None:
        wider = replace(spec, dim=32)
        for head, run, message in (
            (
                wider,
                trained,
                r"stale: trained with other settings \(dim\); run 'dvc repro train@test'",
            ),
            (spec, tmp_path / "nowhere", "nowhere: not trained yet; run 'dvc repro train@test'"),
        ):
            with pytest.raises(ProjectError, match=message):
                run_transfer(transfer_spec(), head, run, labels, {"text": store}, tmp_path / "t")

    def test_tracks_of_another_recipe_are_refused(
        self, spec: HeadSpec, labels: list[Label], trained: Path, store: Store, tmp_path: Path
    ) -> None:
        record = json.loads((trained / "run.json").read_text())
        record["stores"]["text"]["recipe"] = "another"
        del record["seal"]
        write_sealed(trained, "run.json", record, {})
        with pytest.raises(ProjectError, match="was made with another recipe than the text tracks"):
            run_transfer(transfer_spec(), spec, trained, labels, {"text": store}, tmp_path / "t")
