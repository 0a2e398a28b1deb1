"""Entries that refer to a head: continued ones, transfers and sweeps."""

import copy
from typing import Any

import pytest

from features.params.load import parse_params
from tests.test_params import complaint, raw  # noqa: F401


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
            ({"start": None}, "continued.more.start is None; it must be the name of an"),
            ({"protocol": {"code": "speaker-folds"}}, "protocol differs from that of 'main'"),
            ({"inputs": {"text": "minilm", "audio": "none", "video": "none"}}, "it must repeat"),
        ],
    )
    def test_a_start_that_does_not_exist_or_leaks_is_refused(
        self, raw: dict[str, Any], change: dict[str, Any], expected: str
    ) -> None:
        raw["continued"] = {"more": self.head(raw, **change)}
        assert expected in complaint(raw)

    def test_a_protocol_that_is_the_default_may_be_written_out(self, raw: dict[str, Any]) -> None:
        raw["continued"] = {"more": self.head(raw, protocol={"code": "official"})}
        parse_params(raw)

    def test_the_same_recordings_under_another_name_are_not_another_corpus(
        self, raw: dict[str, Any]
    ) -> None:
        raw["corpora"]["again"] = {"code": "demo", "root": "./data/synthetic/demo/"}
        for backbone in raw["backbones"]:
            raw["tracks"][f"again-{backbone}"] = {"corpus": "again", "backbone": backbone}
        more = self.head(raw, corpus="again", protocol={"code": "speaker-folds"})
        raw["continued"] = {"more": more}
        assert "which shares recordings with 'again'" in complaint(raw)
        raw["corpora"]["again"]["root"] = "data/synthetic/other"
        parse_params(raw)

    def test_it_may_not_take_the_name_of_a_head(self, raw: dict[str, Any]) -> None:
        raw["continued"] = {"text": self.head(raw)}
        assert "continued.text is also the name of an entry in heads" in complaint(raw)


class TestTransfers:
    @pytest.fixture
    def both(self, raw: dict[str, Any]) -> dict[str, Any]:
        raw["corpora"]["other"] = {"code": "ravdess", "root": "x"}
        raw["tracks"]["other-log-mel"] = {"corpus": "other", "backbone": "log-mel"}
        inputs = {"text": "none", "audio": "log-mel", "video": "none"}
        raw["transfers"] = {"transferred": {"head": "audio", "corpus": "other", "inputs": inputs}}
        return raw

    def test_a_transfer_is_read(self, both: dict[str, Any]) -> None:
        assert parse_params(both).transfers["transferred"].head == "audio"

    @pytest.mark.parametrize(
        ("setting", "value", "fault"),
        [
            ("head", "audioo", "Did you mean 'audio'?"),
            ("corpus", "demo", "on which the head 'audio' was trained; name another corpus"),
            (
                "inputs",
                {"text": "none", "audio": "none", "video": "none"},
                "it must repeat those of",
            ),
            ("labels", {"emotoin": {"a": "b"}}, "its tasks are 'emotion'. Did you mean 'emotion'?"),
        ],
    )
    def test_a_wrong_setting_is_named(
        self, both: dict[str, Any], setting: str, value: Any, fault: str
    ) -> None:
        both["transfers"]["transferred"][setting] = value
        assert fault in complaint(both)

    def test_corpora_of_the_same_recordings_are_refused(self, both: dict[str, Any]) -> None:
        both["corpora"]["demo"] = {"code": "meld", "root": "x"}
        both["corpora"]["other"] = {"code": "ecf", "root": "x"}
        assert "which have recordings in common" in complaint(both)

    def test_a_transfer_and_a_head_write_different_folders(self, both: dict[str, Any]) -> None:
        both["transfers"]["audio"] = both["transfers"].pop("transferred")
        assert "transfers.audio has the name of a head" in complaint(both)


class TestSweeps:
    space: dict[str, Any] = {"training.lr": {"low": 1e-4, "high": 0.01, "log": True}}

    def test_the_ends_of_every_range_are_tried_beforehand(self, raw: dict[str, Any]) -> None:
        raw["sweeps"] = {"s": {"head": "main", "space": {**self.space, "dropout": [0.1, 1.5]}}}
        assert "sweeps.s.space.dropout is 1.5; it must be in [0, 1)" in complaint(raw)

    @pytest.mark.parametrize(
        ("space", "expected"),
        [
            ({"training.lrr": [1.0]}, "Did you mean 'lr'?"),
            ({"trainin.lr": [1.0]}, "the head has no mapping 'trainin'"),
            ({"training.choose_by": ["accuracy"]}, "must not vary between trials"),
            ({"training": [{"seeds": [0]}]}, "must not vary between trials"),
            ({}, "sweeps.s.space is empty"),
            ({"dim": {"low": 64, "high": 32}}, "low must be less than high"),
            ({"dim": 3}, "it must be a list of values, or a range"),
        ],
    )
    def test_a_space_that_does_not_fit_the_head_is_refused(
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


def test_probes_are_neither_searched_nor_continued(raw: dict[str, Any]) -> None:
    main = raw["heads"]["main"]
    probe = {name: main[name] for name in ("corpus", "inputs")}
    raw["heads"]["plain"] = {**probe, "code": "probe", "tasks": {"emotion": {}}}
    raw["sweeps"] = {"first": {"head": "plain", "space": {"dropout": [0.1]}}}
    assert "sweeps.first.head is 'plain'; it must be a network" in complaint(raw)
    del raw["sweeps"]
    raw["continued"] = {"on": {**main, "start": "plain"}}
    assert "continued.on.start is 'plain'; both heads must be networks, not" in complaint(raw)
