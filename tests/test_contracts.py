"""Every leaf of train/ keeps its written contract; files are found by themselves."""

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from features.leaves import leaf_names, leaf_parameters, load_leaf
from features.manifest import Label
from tests.contracts import KIND_OF, LABELS, fold_violations, leaf_violations, protocol_violations
from tests.test_protocols import corpus, settings_of
from train.data.masking import Padded
from train.folds.fold import Fold
from train.model.contracts import Encoded

LEAVES = [(folder, name) for folder in KIND_OF for name in leaf_names(f"train/{folder}")]


@pytest.mark.parametrize(("folder", "name"), LEAVES)
def test_a_leaf_keeps_its_contract(folder: str, name: str) -> None:
    leaf = load_leaf(f"train/{folder}", name)
    parameters = leaf_parameters(f"train/{folder}", name, KIND_OF[folder].symbol)
    assert leaf_violations(folder, leaf, parameters) == []


@pytest.mark.parametrize("name", leaf_names("train/protocols"))
def test_a_protocol_keeps_its_contract(name: str) -> None:
    leaf = load_leaf("train/protocols", name)
    parameters = leaf_parameters("train/protocols", name, "folds")
    assert protocol_violations(leaf, parameters) == []
    labels = corpus()
    assert fold_violations(leaf.folds(labels, **settings_of(name)), labels) == []


def module(**content: Any) -> ModuleType:
    made = ModuleType("wrong")
    vars(made).update(content)
    return made


class WrongFusion(nn.Module):
    """Breaks most of the contract of a fusion."""

    def __init__(self, modalities: list[str], dim: int, *, width: int) -> None:
        super().__init__()

    def train(self, mode: bool = True) -> "WrongFusion":
        return self

    def forward(self, padded: Padded) -> Tensor:
        return padded.values


class WrongTask(nn.Module):
    """A task whose instance, not whose signature, is wrong."""

    def __init__(self, in_dim: int, facts: dict[str, Any]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(in_dim)

    @staticmethod
    def facts(train: list[Label]) -> dict[str, Any]:
        return {}

    measures = targets = loss = select_on_dev = predict = staticmethod(lambda *_: [])

    def forward(self, encoded: Encoded) -> Tensor:
        return torch.zeros(1)


def test_all_violations_of_a_fusion_are_reported_at_once() -> None:
    wrong = module(Fusion=WrongFusion, MIN_MODALITIES=0, RANGES={"depth": (1, 2)})
    violations = leaf_violations("fusions", wrong, [])
    assert violations[:2] == ["MIN_MODALITIES is 0", "RANGES names 'depth', which is not a setting"]
    assert violations[2] == (
        "it takes (self, modalities, dim); it must take (self, modalities, dim, dropout, pool)"
    )
    assert violations[3] == "the setting 'width' has no default"
    assert violations[4].startswith("its settings are {'width'")
    assert violations[5:] == [
        "it overrides train, which torch needs as it is",
        "forward takes (padded); it must be (tracks)",
    ]


def test_what_a_module_does_is_checked_where_its_signature_is_right() -> None:
    violations = leaf_violations("tasks", module(Task=WrongTask, KIND="numbers"), [])
    assert violations == [
        "weight is None; it must be a number above 0",
        "BatchNorm1d takes statistics of the batch",
        "KIND is 'numbers', and its measures are []",
        "targets does not give a row for each label",
    ]
    assert leaf_violations("tasks", module(), []) == ["it defines no torch.nn.Module called Task"]


def test_all_violations_of_a_protocol_are_reported_at_once() -> None:
    def folds(labels: list[Label], extra: int) -> list[Fold]:
        return []

    violations = protocol_violations(module(folds=folds), [])
    assert violations == [
        "SPEAKER_DISJOINT is not there; it must be True or False",
        "it takes (labels, extra); it must take (labels)",
    ]
    twice = [Fold("a", frozenset({"u0"}), frozenset({"u0"})), Fold("b", frozenset({"u0", "x"}))]
    assert fold_violations([*twice, Fold("c", frozenset())], LABELS) == [
        "fold 'c' tests nothing",
        "an utterance is tested twice",
        "'x' is not an utterance",
        "fold 'a' tests what it selects on",
    ]
