"""Shares of modalities: worked out by hand, adding up, and naming what was planted."""

import json
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.manifest import Label
from features.specs.heads import HeadSpec, ProbeSpec
from features.store.reader import Store
from tests.head_world import labels, spec, store, store_of  # noqa: F401
from tests.test_corruptions import ROWS, dataset
from train.attribution.present import answers, partly_present
from train.attribution.shares import by_predicted_class, decision_shares, shapley
from train.data.dataset import Dataset
from train.runs.run_head import run_head

SEED = np.random.default_rng(3)


def every_set(names: str) -> list[frozenset[str]]:
    sizes = (combinations(names, size) for size in range(len(names) + 1))
    return [frozenset(each) for each in chain.from_iterable(sizes)]


def test_two_players_by_hand() -> None:
    values = {
        frozenset(): np.array([0.1]),
        frozenset("a"): np.array([0.5]),
        frozenset("t"): np.array([0.3]),
        frozenset("at"): np.array([0.9]),
    }
    shares = shapley(values, "at")
    assert shares["a"] == pytest.approx([(0.4 + 0.6) / 2]) and shares["t"] == pytest.approx([0.3])


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_shares_add_up_and_those_that_add_nothing_have_none(names: str) -> None:
    values = {each: SEED.normal(size=5) for each in every_set(names)}
    for each in every_set(names[1:]):  # the first player changes nothing
        values[each | {names[0]}] = values[each]
    shares = shapley(values, names)
    whole = values[frozenset(names)] - values[frozenset()]
    assert np.allclose(sum(shares.values()), whole)
    assert np.allclose(shares[names[0]], 0)


def test_players_that_do_the_same_have_the_same_share() -> None:
    sizes = {n: SEED.normal(size=3) for n in range(4)}
    shares = shapley({each: sizes[len(each)] for each in every_set("xyz")}, "xyz")
    assert np.allclose(shares["x"], shares["y"]) and np.allclose(shares["y"], shares["z"])


def test_shares_of_a_decision_are_of_the_class_that_all_modalities_predict() -> None:
    whole = np.array([[0.2, 0.8], [0.9, 0.1]])
    present = {
        frozenset({"text"}): np.array([[0.3, 0.7], [0.5, 0.5]]),
        frozenset({"audio"}): np.array([[0.6, 0.4], [0.5, 0.5]]),
    }
    decided, shares = decision_shares(whole, present, np.array([0.75, 0.25]))
    assert decided.tolist() == [1, 0]
    assert shares["text"] == pytest.approx([(0.45 + 0.4) / 2, (-0.25 + 0.4) / 2])
    total = shares["text"] + shares["audio"]
    assert total == pytest.approx([0.8 - 0.25, 0.9 - 0.75])
    figures = by_predicted_class(("sad", "joy"), decided, shares, whole)
    assert figures["joy"] == {
        "count": 1, "probability": 0.8,
        "shares": {name: pytest.approx(own[0]) for name, own in shares.items()},
    }  # fmt: skip
    assert by_predicted_class(("sad", "joy"), np.array([0, 0]), shares, whole).keys() == {"sad"}


def test_every_choice_of_modalities_is_there_but_none_and_all() -> None:
    parts = partly_present(dataset("audio", "text", "video"))
    assert len(parts) == 2**3 - 2
    batch = parts[frozenset({"audio", "video"})].gather(ROWS)
    assert batch["audio"].mask.all() and not batch["text"].mask.any()
    assert partly_present(dataset("audio")) == {}


def test_predictions_without_one_modality_are_not_made_again() -> None:
    asked: list[Dataset] = []

    def predict(part: Dataset) -> str:
        asked.append(part)
        return "new"

    three = dataset("audio", "text", "video")
    with_one_missing = {("text", None): "without text", ("text", 0.5): "noisy"}
    got = answers(three, with_one_missing, predict)
    assert got[frozenset({"audio", "video"})] == "without text" and len(asked) == 5
    assert len(got) == 6 and list(got.values()).count("new") == 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["network", "probe"])
@pytest.mark.parametrize("planted", ["text", "audio"])
def test_the_modality_that_knows_has_the_share(
    planted: str,
    kind: str,
    spec: HeadSpec,
    labels: list[Label],
    tmp_path: Path,
) -> None:
    silent = [replace(label, emotion="joy") for label in labels]
    (tmp_path / "knows").mkdir()
    (tmp_path / "other").mkdir()
    knows, other = store_of(tmp_path / "knows", labels), store_of(tmp_path / "other", silent)
    stores = {planted: knows, "audio" if planted == "text" else "text": other}
    inputs = {"text": "a", "audio": "b", "video": "none"}
    leaves = {name: next(iter(spec.pooling.values())) for name in ("text", "audio")}
    own: Any = replace(
        spec,
        inputs=inputs,
        pooling=leaves,
        temporal={name: next(iter(spec.temporal.values())) for name in leaves},
    )
    if kind == "probe":
        shared = {k: getattr(own, k) for k in ("name", "corpus", "inputs", "tasks", "protocol")}
        own = ProbeSpec(**shared)
    run_head(own, labels, {name: stores[name] for name in sorted(stores)}, tmp_path / "run")
    evaluation = json.loads((tmp_path / "run/evaluation.json").read_text())
    for figures in evaluation["shares"]["emotion"].values():
        shares = figures["shares"]
        assert shares[planted] > 3 * abs(
            next(share for name, share in shares.items() if name != planted)
        )
        assert sum(shares.values()) == pytest.approx(figures["probability"] - 0.5, abs=1e-6)


def test_a_head_of_one_modality_has_no_shares(
    spec: HeadSpec,
    labels: list[Label],
    store: Store,
    tmp_path: Path,
) -> None:
    run_head(spec, labels, {"text": store}, tmp_path / "run")
    assert json.loads((tmp_path / "run/evaluation.json").read_text())["shares"] == {"emotion": {}}
