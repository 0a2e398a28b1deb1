"""Settings of heads: modules by modality, and settings that contradict each other."""

from typing import Any

import pytest

from features.params.load import parse_params
from features.specs.training import AugmentSpec, CurriculumSpec
from tests.test_params import complaint, raw  # noqa: F401


def test_one_module_serves_every_modality_and_each_may_have_its_own(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["pooling"] = {
        "text": {"code": "first"},
        "audio": {"code": "mean"},
        "video": {"code": "max"},
    }
    main = parse_params(raw).heads["main"]
    assert {name: leaf.code for name, leaf in main.pooling.items()} == {
        "text": "first",
        "audio": "mean",
        "video": "max",
    }
    assert {leaf.code for leaf in main.temporal.values()} == {"none"} and len(main.temporal) == 3
    assert list(parse_params(raw).heads["text"].pooling) == ["text"]


def test_mappings_within_the_training_are_read(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["training"] |= {
        "difficulty": "vad",
        "curriculum": {"pacing": "exponential", "epochs": 5},
        "augment": {"audio": {"noise": 1}},
        "clip_norm": None,
    }
    training = parse_params(raw).heads["main"].training
    assert training.curriculum == CurriculumSpec("exponential", 0.3, 5)
    assert training.augment == {"audio": AugmentSpec(noise=1.0)} and training.clip_norm is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"difficulty": "vad"}, "training.difficulty is 'vad', but nothing uses it"),
        ({"scale_loss": 1.0}, "training.difficulty is 'none', but curriculum and scale_loss need"),
        (
            {"difficulty": "vad", "curriculum": {"epochs": 25}},
            "training.curriculum.epochs is 25, but there are only 25 epochs",
        ),
        ({"warmup_epochs": 2}, "warmup_epochs is 2, but the schedule 'one-cycle' has no warm-up"),
        ({"schedule": "cosine", "warmup_epochs": 26}, "warmup_epochs is 26, but there are only 25"),
        ({"raise_dropout": {"to": 0.1}}, "raise_dropout.to is 0.1; it must be at least"),
        ({"raise_dropout": {"to": 0.6, "after": 30}}, "raise_dropout.after is 30, but there are"),
        ({"raise_dropout": {"too": 0.6}}, "Did you mean 'to'?"),
        ({"curriculum": {"pacing": "linnear"}}, "Did you mean 'linear'?"),
        ({"augment": {"sound": {}}}, "training.augment names 'sound'"),
        ({"augment": {"audio": {"noise": -1}}}, "augment.audio.noise is -1; it must be at least 0"),
        ({"augment": 3}, "training.augment is 3; it must map modalities to settings"),
        ({"optimizer": "adam"}, "Did you mean 'optimiser'?"),
        ({"average": 1.0}, "training.average is 1.0; it must be in [0, 1)"),
        ({"lr": 0}, "training.lr is 0; it must be above 0"),
        ({"clip_norm": 0.0}, "training.clip_norm is 0.0; it must be above 0"),
        ({"augment": {"audio": {"missing": 1.0}}}, "missing is 1.0; it must be in [0, 1)"),
        ({"task_weights": "uncertainty"}, "'uncertainty', but there is only one task"),
    ],
)
def test_trainings_that_contradict_themselves_are_refused(
    raw: dict[str, Any], change: dict[str, Any], expected: str
) -> None:
    raw["heads"]["main"]["training"] |= change
    assert expected in complaint(raw)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fusion": {"code": "gated"}}, "heads.text.fusion is 'gated', which needs 2 modalities"),
        ({"objectives": {"info-nce": {}}}, "objectives is 'info-nce', which needs 2 modalities"),
        ({"objectives": {"info-nse": {}}}, "Did you mean 'info-nce'?"),
        ({"objectives": {"info-nce": {"temperature": 0}}}, "temperature is 0; it must be at least"),
        (
            {"pooling": {"text": {"code": "mean"}, "audio": {"code": "mean"}}},
            "names 'audio', which",
        ),
        ({"temporal": {"audio": {"code": "none"}}}, "heads.text.temporal.text is missing"),
        ({"bins": 0}, "heads.text.bins is 0; it must be at least 1"),
        ({"bins": {"audio": 5}}, "heads.text.bins names 'audio', which the inputs switch off"),
        ({"dim": 66}, "heads.text.dim is 66; it must be a multiple of pooling.heads, 4"),
        ({"norm": "layer"}, "heads.text.norm is 'layer'; it must be one of"),
    ],
)
def test_heads_that_contradict_themselves_are_refused(
    raw: dict[str, Any], change: dict[str, Any], expected: str
) -> None:
    raw["heads"]["text"] |= change
    assert expected in complaint(raw)


def test_augmenting_or_dropping_what_is_switched_off_is_refused(raw: dict[str, Any]) -> None:
    raw["heads"]["text"]["training"]["augment"] = {"audio": {}, "text": {"missing": 0.5}}
    message = complaint(raw)
    assert "augment names 'audio', which the inputs switch off" in message
    assert "text.missing is 0.5, but the head has no other modality" in message


def test_memocmt_pools_all_modalities_in_one_way(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["fusion"] = {"code": "memocmt"}
    parse_params(raw)
    raw["heads"]["main"]["pooling"] = {
        "text": {"code": "first"},
        "audio": {"code": "mean"},
        "video": {"code": "mean"},
    }
    assert "pooling differs between modalities, but the fusion 'memocmt'" in complaint(raw)


def test_mixed_utterances_have_no_objectives(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["objectives"] = {"supervised-contrastive": {}}
    raw["heads"]["main"]["training"]["mixup"] = 0.2
    assert "mixup is 0.2, but the objectives 'supervised-contrastive' need" in complaint(raw)


def test_all_contradictions_are_reported_together(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["training"] |= {"warmup_epochs": 2, "scale_loss": 1.0}
    raw["heads"]["text"]["fusion"] = {"code": "gated"}
    raw["heads"]["audio"]["temporal"] = {"code": "recurent"}
    assert complaint(raw).count("\n  - ") == 4


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        ([], "heads.main.objectives is []; it must map names to settings"),
        (
            {"info-nce": 3},
            "objectives.info-nce is 3; it must be a mapping of settings, {} for none",
        ),
        ({"info-nce": {"code": "x"}}, "objectives.info-nce has no setting 'code'; its name is its"),
        ({"info-nse": {}}, "heads.main.objectives names 'info-nse'; objectives are"),
    ],
)
def test_invalid_objectives_are_named(
    raw: dict[str, Any],
    objectives: Any,
    expected: str,
) -> None:
    raw["heads"]["main"]["objectives"] = objectives
    assert expected in complaint(raw)


class TestProtocolsAndSelection:
    def test_selection_on_the_test_set_cannot_be_written(self, raw: dict[str, Any]) -> None:
        raw["heads"]["main"]["protocol"] = {"code": "official", "dev": "test"}
        assert "heads.main.protocol has no setting 'dev'" in complaint(raw)
        raw["heads"]["main"]["protocol"] = {"code": "official", "dev_share": 0}
        assert "dev_share is 0; it must be at least 0.01" in complaint(raw)
        raw["heads"]["main"]["training"]["choose_by"] = "test_macro_f1"
        assert "choose_by is 'test_macro_f1'; it must be one of 'accuracy'" in complaint(raw)

    def test_a_choice_must_fit_a_task(self, raw: dict[str, Any]) -> None:
        raw["heads"]["main"]["tasks"] = {"phq8": {}}
        fault = "is 'macro_f1', not a metric of the tasks 'phq8'; choose one of 'ccc'"
        assert fault in complaint(raw)

    def test_a_probe_has_its_own_settings(self, raw: dict[str, Any]) -> None:
        shared = {k: raw["heads"]["text"][k] for k in ("corpus", "inputs")}
        raw["heads"]["text"] = {"code": "probe", **shared, "tasks": {"emotion": {}}}
        assert parse_params(raw).heads["text"].seeds == [0]
        raw["heads"]["text"]["dropout"] = 0.1
        raw["heads"]["text"]["strengths"] = [0]
        raw["heads"]["text"]["tasks"] = {"emotion": {"label_smoothing": 0.1}}
        message = complaint(raw)
        assert "heads.text has no setting 'dropout'" in message
        assert "strengths is [0]; it must be a list of numbers above 0" in message
        raw["heads"]["text"].pop("dropout")
        raw["heads"]["text"].pop("strengths")
        assert "a probe's tasks take none, so write emotion: {}" in complaint(raw)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("bins", 50),
        ("bins", {"text": 50}),
        ("standardise", {"text": "speaker"}),
        ("training", {"seeds": [0], "epochs": 2, "lr": 0.01, "mixup": 0.2}),
        ("training", {"seeds": [0], "epochs": 2, "lr": 0.01, "augment": {"text": {"noise": 0.1}}}),
    ],
)
def test_steps_that_upper_layers_go_on_from_are_not_changed(
    raw: dict[str, Any], setting: str, value: Any
) -> None:
    head = raw["heads"]["text"]
    head["temporal"] = {"text": {"code": "upper-layers", "from": 3, "lora": "none"}}
    parse_params(raw)
    head[setting] = value
    assert "changes the text steps, but heads.text.temporal.text" in complaint(raw)
