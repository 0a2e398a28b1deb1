"""Heads tested on another corpus: names decide, and nothing is guessed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from features.errors import ProjectError
from features.manifest import Label
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


def transfer(**names: str) -> TransferSpec:
    return TransferSpec("there", "main", "other", {"text": "minilm"}, {"emotion": names})


def theirs(*emotions: str | None) -> list[Label]:
    return [Label(f"o{n}", emotion=name, valence=3.0) for n, name in enumerate(emotions)]


class TestMapping:
    def test_equal_names_need_no_mapping_and_the_rest_is_dropped_and_counted(self) -> None:
        found = map_labels(
            transfer(happy="joy"),
            MEASURES[:1],
            theirs("happy", "anger", "disgust", "disgust", None),
        )
        assert [x.emotion for x in found.labels] == ["joy", "anger"]
        assert found.used == {"emotion": {"anger": "anger", "happy": "joy"}}
        assert found.dropped == {"emotion": {"disgust": 2}}

    def test_several_classes_may_become_one(self) -> None:
        found = map_labels(
            transfer(happy="joy", calm="neutral"), MEASURES[:1], theirs("happy", "calm", "neutral")
        )
        assert [x.emotion for x in found.labels] == ["joy", "neutral", "neutral"]

    def test_what_one_task_drops_another_may_keep(self) -> None:
        found = map_labels(transfer(), MEASURES, theirs("joy", "anger", "disgust"))
        assert [x.emotion for x in found.labels] == ["joy", "anger", None]
        assert len(found.labels) == 3 and found.dropped == {"emotion": {"disgust": 1}}

    @pytest.mark.parametrize(
        ("names", "fault"),
        [
            ({"hapy": "joy"}, r"names 'hapy', a class that the corpus does not.*mean 'happy'\?"),
            ({"happy": "joi"}, r"happy is 'joi', a class that the head does not know.*'joy'\?"),
        ],
    )  # fmt: skip
    def test_a_name_that_leads_nowhere_is_refused(self, names: dict[str, str], fault: str) -> None:
        with pytest.raises(ProjectError, match=fault):
            map_labels(transfer(**names), MEASURES[:1], theirs("happy", "anger", "joy"))

    def test_less_than_two_shared_classes_are_refused(self) -> None:
        with pytest.raises(ProjectError, match="share less than two classes of 'emotion'"):
            map_labels(transfer(), MEASURES[:1], theirs("joy", "sad"))

    def test_a_task_that_the_corpus_does_not_label_is_refused(self) -> None:
        with pytest.raises(ProjectError, match="no utterance of 'other' has the label 'emotion'"):
            map_labels(transfer(), MEASURES[:1], theirs(None))


@pytest.fixture
def trained(spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path) -> Path:
    run_head(spec, labels, {"text": store}, tmp_path / "main")
    return tmp_path / "main"


def foreign(tmp_path: Path, labels: list[Label]) -> tuple[list[Label], Store]:
    """The same tracks under other names, with a class that the head does not know."""
    named = [replace(x, id=f"o{x.id}", split=None) for x in labels]
    (tmp_path / "other").mkdir(exist_ok=True)
    opened = store_of(tmp_path / "other", named)
    names = {"joy": "happy", "anger": "angry"}
    said = [replace(x, emotion=names[str(x.emotion)]) for x in named[:-4]]
    return said + [replace(x, emotion="calm") for x in named[-4:]], opened


class TestRun:
    def test_every_head_of_the_run_is_tested_on_what_is_known(
        self, spec: HeadSpec, labels: list[Label], trained: Path, tmp_path: Path
    ) -> None:
        said, opened = foreign(tmp_path, labels)
        metrics = run_transfer(
            transfer(happy="joy", angry="anger"),
            spec,
            trained,
            said,
            {"text": opened},
            tmp_path / "t",
        )
        figure = metrics["test"]["emotion"]["accuracy"]
        assert (
            figure["mean"] > 0.9 and len(figure["seeds"]) == 2 and figure["low"] <= figure["mean"]
        )
        about = json.loads((tmp_path / "t" / "transfer.json").read_text())
        assert metrics["majority"]["emotion"]["accuracy"] == 0.5
        assert about["num_utterances"] == 56 and about["dropped"] == {"emotion": {"calm": 4}}
        assert {p.name for p in (tmp_path / "t").iterdir()} == {
            "metrics.json", "transfer.json", "predictions.jsonl", "confusion.csv",
        }  # fmt: skip

    def test_a_probe_is_restored_as_it_was(
        self, spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
    ) -> None:
        shared: Any = {
            k: getattr(spec, k) for k in ("name", "corpus", "inputs", "tasks", "protocol")
        }
        probe = ProbeSpec(**shared)
        run_head(probe, labels, {"text": store}, tmp_path / "main")
        lines = (tmp_path / "main" / "predictions.jsonl").read_text().splitlines()
        own = {x["id"]: x["emotion"] for x in map(json.loads, lines) if x["split"] == "test"}
        run_transfer(transfer(), probe, tmp_path / "main", labels, {"text": store}, tmp_path / "t")
        again = map(json.loads, (tmp_path / "t" / "predictions.jsonl").read_text().splitlines())
        assert {x["id"]: x["emotion"] for x in again if x["id"] in own} == own

    def test_a_head_that_was_not_trained_so_is_refused(
        self, spec: HeadSpec, labels: list[Label], trained: Path, store: Store, tmp_path: Path
    ) -> None:
        wider = replace(spec, dim=32)
        for head, run, fault in (
            (wider, trained, "was trained with other settings than those in params.yaml"),
            (spec, tmp_path / "nowhere", "run.json does not exist; run 'dvc repro train@main'"),
        ):
            with pytest.raises(ProjectError, match=fault):
                run_transfer(transfer(), head, run, labels, {"text": store}, tmp_path / "t")

    def test_tracks_of_another_recipe_are_refused(
        self, spec: HeadSpec, labels: list[Label], trained: Path, store: Store, tmp_path: Path
    ) -> None:
        record = json.loads((trained / "run.json").read_text())
        record["stores"]["text"]["recipe"] = "another"
        (trained / "run.json").write_text(json.dumps(record))
        with pytest.raises(ProjectError, match="was made by another recipe than the text tracks"):
            run_transfer(transfer(), spec, trained, labels, {"text": store}, tmp_path / "t")
