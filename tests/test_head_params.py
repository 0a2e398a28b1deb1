"""What is written about heads: parts by modality, and settings that contradict each other."""

import copy
from typing import Any

import pytest

from features.params.load import parse_params
from features.specs.training import AugmentSpec, CurriculumSpec
from tests.test_params import complaint, raw  # noqa: F401


def test_one_part_serves_every_modality_and_each_may_have_its_own(raw: dict[str, Any]) -> None:
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


def test_what_is_nested_in_the_training_is_read(raw: dict[str, Any]) -> None:
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
        ({"difficulty": "vad"}, "training.difficulty is 'vad', and nothing uses it"),
        ({"scale_loss": 1.0}, "training.difficulty is 'none', and curriculum or scale_loss need"),
        (
            {"difficulty": "vad", "curriculum": {"epochs": 30}},
            "training.curriculum.epochs is 30, and there are 30 epochs",
        ),
        ({"warmup_epochs": 2}, "warmup_epochs is 2, and the schedule 'one-cycle' takes none"),
        ({"schedule": "cosine", "warmup_epochs": 31}, "warmup_epochs is 31, and there are 30"),
        ({"raise_dropout": {"to": 0.1}}, "raise_dropout.to is 0.1, below the dropout"),
        ({"raise_dropout": {"to": 0.6, "after": 30}}, "raise_dropout.after is 30, and there are"),
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
        ({"task_weights": "uncertainty"}, "task_weights is 'uncertainty', and there is one task"),
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
    assert "text.missing is 0.5, and the head has no other modality" in message


def test_memocmt_pools_all_modalities_in_one_way(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["fusion"] = {"code": "memocmt"}
    parse_params(raw)
    raw["heads"]["main"]["pooling"] = {
        "text": {"code": "first"},
        "audio": {"code": "mean"},
        "video": {"code": "mean"},
    }
    assert "pooling differs between modalities, and the fusion 'memocmt'" in complaint(raw)


def test_mixed_utterances_have_no_objectives(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["objectives"] = {"supervised-contrastive": {}}
    raw["heads"]["main"]["training"]["mixup"] = 0.2
    assert "mixup is 0.2, and the objectives 'supervised-contrastive' need" in complaint(raw)


def test_all_contradictions_are_reported_together(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["training"] |= {"warmup_epochs": 2, "scale_loss": 1.0}
    raw["heads"]["text"]["fusion"] = {"code": "gated"}
    raw["heads"]["audio"]["temporal"] = {"code": "recurent"}
    assert complaint(raw).count("\n  - ") == 4


class TestContinued:
    def head(self, raw: dict[str, Any], **changes: Any) -> dict[str, Any]:
        return {**copy.deepcopy(raw["heads"]["main"]), "start": "main", **changes}

    def test_it_is_a_head_with_a_start(self, raw: dict[str, Any]) -> None:
        raw["continued"] = {"more": self.head(raw)}
        assert parse_params(raw).heads["more"].start == "main"

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"start": "mian"}, "continued.more.start is 'mian'; heads are"),
            ({"start": None}, "continued.more.start is None; it must be the name of one of"),
            ({"protocol": {"code": "speaker-folds"}}, "protocol differs from that of 'main'"),
            ({"inputs": {"text": "minilm", "audio": "none", "video": "none"}}, "it must repeat"),
        ],
    )
    def test_a_start_that_leads_nowhere_or_leaks_is_refused(
        self, raw: dict[str, Any], change: dict[str, Any], expected: str
    ) -> None:
        raw["continued"] = {"more": self.head(raw, **change)}
        assert expected in complaint(raw)

    def test_a_protocol_that_is_the_default_may_be_written_out(self, raw: dict[str, Any]) -> None:
        raw["continued"] = {"more": self.head(raw, protocol={"code": "official"})}
        parse_params(raw)

    def test_the_same_recordings_under_another_name_are_no_other_corpus(
        self, raw: dict[str, Any]
    ) -> None:
        raw["corpora"]["again"] = {"code": "demo", "root": "./data/synthetic/demo/"}
        for backbone in raw["backbones"]:
            raw["tracks"][f"again-{backbone}"] = {"corpus": "again", "backbone": backbone}
        more = self.head(raw, corpus="again", protocol={"code": "speaker-folds"})
        raw["continued"] = {"more": more}
        assert "which has recordings of 'again'" in complaint(raw)
        raw["corpora"]["again"]["root"] = "data/synthetic/other"
        parse_params(raw)

    def test_it_may_not_take_the_name_of_a_head(self, raw: dict[str, Any]) -> None:
        raw["continued"] = {"text": self.head(raw)}
        assert "continued.text is the name of an entry in heads too" in complaint(raw)


class TestSweeps:
    space: dict[str, Any] = {"training.lr": {"low": 1e-4, "high": 0.01, "log": True}}

    def test_every_end_of_a_space_is_tried_beforehand(self, raw: dict[str, Any]) -> None:
        raw["sweeps"] = {"s": {"head": "main", "space": {**self.space, "dropout": [0.1, 1.5]}}}
        assert "sweeps.s.space.dropout is 1.5; it must be in [0, 1)" in complaint(raw)

    @pytest.mark.parametrize(
        ("space", "expected"),
        [
            ({"training.lrr": [1.0]}, "Did you mean 'lr'?"),
            ({"trainin.lr": [1.0]}, "the head has no mapping 'trainin'"),
            ({"training.choose_by": ["accuracy"]}, "what is learned and chosen by is the same"),
            ({"training": [{"seeds": [0]}]}, "what is learned and chosen by is the same"),
            ({}, "sweeps.s.space is empty"),
            ({"dim": {"low": 64, "high": 32}}, "low must be less than high"),
            ({"dim": 3}, "it must be a list of values, or a range"),
        ],
    )
    def test_a_space_that_leads_nowhere_is_refused(
        self, raw: dict[str, Any], space: dict[str, Any], expected: str
    ) -> None:
        raw["sweeps"] = {"s": {"head": "main", "space": space}}
        assert expected in complaint(raw)

    def test_seeds_of_trials_differ(self, raw: dict[str, Any]) -> None:
        raw["sweeps"] = {"s": {"head": "main", "space": self.space, "seeds": [0, 0]}}
        assert "sweeps.s.seeds is [0, 0]; it must be a list of different seeds" in complaint(raw)

    def test_tracking_is_checked_like_everything_else(self, raw: dict[str, Any]) -> None:
        raw["tracking"] = {"wandb": "ofline"}
        assert "tracking.wandb is 'ofline'" in complaint(raw) and "'offline'?" in complaint(raw)


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
def test_objectives_that_cannot_be_meant_are_named(
    raw: dict[str, Any],
    objectives: Any,
    expected: str,
) -> None:
    raw["heads"]["main"]["objectives"] = objectives
    assert expected in complaint(raw)


def test_probes_are_neither_searched_nor_continued(raw: dict[str, Any]) -> None:
    main = raw["heads"]["main"]
    probe = {name: main[name] for name in ("corpus", "inputs")}
    raw["heads"]["plain"] = {**probe, "code": "probe", "tasks": {"emotion": {}}}
    raw["sweeps"] = {"first": {"head": "plain", "space": {"dropout": [0.1]}}}
    assert "sweeps.first.head is 'plain'; it must be a network" in complaint(raw)
    del raw["sweeps"]
    raw["continued"] = {"on": {**main, "start": "plain"}}
    assert "continued.on.start is 'plain'; both heads must be networks" in complaint(raw)
