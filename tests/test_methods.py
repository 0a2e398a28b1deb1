"""The paragraph for a methods section says what the settings say."""

from dataclasses import replace
from typing import Any

from app.results.methods import methods
from app.results.runs import Run
from features.params.load import load_params
from features.specs.heads import HeadSpec
from features.specs.tracks import LeafSpec
from tests.conftest import ROOT

FOLD = {"num_utterances": {"train": 80, "dev": 10, "test": 20}, "dev_drawn": False}
NETWORKS = {
    "text": {"code": "hf-text", "checkpoint": "bert-base", "layers": [9, 12], "revision": None},
    "audio": {"code": "log-mel", "num_bands": 64, "version": 1},
    "video": {"code": "r3d", "architecture": "r3d-18"},
}


def run_of(spec: Any, folds: dict[str, Any] | None = None) -> Run:
    record = {
        "folds": folds or {"official": FOLD},
        "stores": {name: {"backbone": NETWORKS[name]} for name in spec.used_inputs},
        "num_parameters": 181812,
    }
    evaluation = {"resampled": {"count": 21, "unit": "dialogue"}}
    return Run(spec, {}, evaluation, record, [], [], b"")


def demo(name: str) -> HeadSpec:
    spec = load_params(ROOT / "recipes" / "demo.yaml").heads[name]
    assert isinstance(spec, HeadSpec)
    return spec


def test_a_fused_head() -> None:
    text = methods(run_of(demo("main")))
    for part in (
        "We used 80 training, 10 dev and 20 test utterances of demo (protocol: official).",
        "text by hf-text (bert-base, layers 9, 12), audio by log-mel (num bands 64) and video by",
        "pooled by attention (heads 4, hidden 32) and fused by cross modal (heads 4, then concat)",
        "181,812 parameters were trained to predict emotion (balanced class weights, label smooth",
        "trained with AdamW, a learning rate of 0.002", "with 3 random seeds.",
        "The epoch was selected by macro F1 on the dev set; the test set was evaluated once.",
        "bootstrap over the 21 dialogues",
    ):  # fmt: skip
        assert part in text


def test_one_modality_in_folds_with_a_drawn_dev_set() -> None:
    spec = replace(demo("audio"), standardise={"audio": "speaker"})
    folds = {name: {**FOLD, "dev_drawn": True} for name in ("1", "2", "3")}
    text = methods(run_of(spec, folds))
    assert "3-fold cross-validation" in text and "dev set drawn from the training split" in text
    assert "standardised (audio by speaker)" in text and "fused" not in text
    assert "encoded over time by tcn (layers 4, kernel 3, stride 2)" in text


def test_a_dialogue_and_a_probe() -> None:
    talk = replace(demo("text"), dialogue=LeafSpec("recurrent", {"causal": True, "cell": "gru"}))
    assert "modelled jointly (recurrent (causal True, cell gru); previous utterances)" in methods(
        run_of(talk)
    )
    probes = load_params(ROOT / "recipes" / "meld-sentiment-emotion.yaml").heads
    text = methods(run_of(probes["probe"]))
    assert "Logistic regression was fitted to the tracks, pooled by mean over their steps." in text
    assert "The penalty was selected by weighted F1" in text and "over seeds" not in text
