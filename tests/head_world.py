"""A small corpus of tracks whose first value depends on the class."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.leaves import load_leaf
from features.manifest import Label
from features.params.load import load_params
from features.specs.heads import HeadSpec
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store
from tests.conftest import ROOT
from train.data.dataset import SplitData, load_dataset

CLASSES = ("anger", "joy")


def head_spec() -> HeadSpec:
    """A head on text, shrunk."""
    base = load_params(ROOT / "recipes" / "demo.yaml").heads["text"]
    assert isinstance(base, HeadSpec)
    training = replace(base.training, seeds=[0, 1], epochs=6, batch_size=8, lr=0.01)
    return replace(base, name="test", dim=16, training=training)


def sixty_labels() -> list[Label]:
    """40 labels of train, 10 of dev and 10 of test, of two alternating classes."""
    splits = ["train"] * 40 + ["dev"] * 10 + ["test"] * 10
    return [Label(f"u{n}", s, emotion=CLASSES[n % 2]) for n, s in enumerate(splits)]  # type: ignore[arg-type]


def store_of(folder: Path, labels: list[Label]) -> Store:
    """Tracks of 0 to 4 steps; the last utterance has none."""
    random = np.random.default_rng(0)
    count = len(labels)
    lengths = tuple(int(n) for n in random.integers(1, 5, count))[:-1] + (0,)
    values = random.normal(size=(2, sum(lengths), 6)).astype(np.float16)
    start = 0
    for length, label in zip(lengths, labels, strict=True):
        values[:, start : start + length, 0] += 4 if label.emotion == "joy" else -4
        start += length
    pool = Pool(folder / "pool")
    part = pool.add(
        values, key="k1", ids=tuple(x.id for x in labels), inputs=("",) * count, lengths=lengths,
        reasons=("ok",) * (count - 1) + ("missing",), spans=None, made_with={},
    )  # fmt: skip
    header = Header("r", {"code": "x"}, "text", 6, (1, 2), "float16")
    publish(folder / "s.zarr", header, [part], pool)
    return Store(folder / "s.zarr")


def splits_of(labels: list[Label], store: Store) -> dict[str, SplitData]:
    """The official splits with their tracks."""
    splits = {}
    for split in ("train", "dev", "test"):
        in_split = [label for label in labels if label.split == split]
        splits[split] = SplitData(load_dataset({"text": store}, in_split), in_split)
    return splits


def facts_of(train: SplitData) -> dict[str, dict[str, Any]]:
    """The facts that the task takes from the training labels."""
    return {"emotion": load_leaf("train/tasks", "emotion").Task.facts(train.labels)}


@pytest.fixture
def spec() -> HeadSpec:
    return head_spec()


@pytest.fixture
def labels() -> list[Label]:
    return sixty_labels()


@pytest.fixture
def store(tmp_path: Path, labels: list[Label]) -> Store:
    return store_of(tmp_path, labels)
