"""A small corpus of dialogues whose emotions only the context reveals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.manifest import Label, Split
from features.specs.heads import HeadSpec
from features.specs.tracks import LeafSpec
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store
from tests.head_world import head_spec

TURNS = 5


def dialogue_head(code: str = "recurrent", **options: object) -> HeadSpec:
    """A head that reads dialogues, shrunk."""
    base = head_spec()
    training = replace(
        base.training, seeds=[0], lr=0.01, epochs=20, batch_size=2, schedule="constant"
    )
    leaf = LeafSpec(code, {"cell": "gru", "layers": 1, "causal": False, "speakers": "none"})
    leaf = LeafSpec(code, {} if code == "none" else {**leaf.options, **options})
    return replace(base, dialogue=leaf, training=training)


def dialogue_labels(num_dialogues: int = 60) -> list[Label]:
    """The emotion of an utterance is in the track of the one before it, which is its cause.

    First turns are neutral, without causes, and recognisable from their own tracks.
    """
    random = np.random.default_rng(0)
    labels: list[Label] = []
    for number in range(num_dialogues):
        split: Split = "train" if number % 3 == 0 else "dev" if number % 3 == 1 else "test"
        for turn in range(TURNS):
            emotion = "neutral" if turn == 0 else str(random.choice(["anger", "joy"]))
            labels.append(
                Label(
                    f"d{number}-{turn}",
                    split,
                    speaker=f"{split}-{turn % 2}",
                    dialogue=f"d{number}",
                    turn=turn,
                    emotion=emotion,
                    causes=() if turn == 0 else (f"d{number}-{turn - 1}",),
                    is_cause="cause" if turn + 1 < TURNS else "no-cause",
                )
            )
    return labels


def dialogue_store(folder: Path, labels: list[Label]) -> Store:
    """Tracks of two steps; the track of an utterance carries the emotion of the next one."""
    random = np.random.default_rng(0)
    values = random.normal(size=(1, 2 * len(labels), 6)).astype(np.float16)
    for row, label in enumerate(labels):
        later = labels[row + 1].emotion if (label.turn or 0) + 1 < TURNS else None
        values[:, 2 * row : 2 * row + 2, 0] += {"joy": 4, "anger": -4}.get(later or "", 0)
        values[:, 2 * row : 2 * row + 2, 1] += 4 if label.turn == 0 else -4
    pool = Pool(folder / "pool")
    count = len(labels)
    part = pool.add(
        values, key="k1", ids=tuple(x.id for x in labels), inputs=("",) * count,
        lengths=(2,) * count, reasons=("ok",) * count, spans=None, made_with={},
    )  # fmt: skip
    publish(folder / "s.zarr", Header("r", {"code": "x"}, "text", 6, (1,), "float16"), [part], pool)
    return Store(folder / "s.zarr")


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Label], Store]:
    """The labels and their tracks."""
    labels = dialogue_labels()
    return labels, dialogue_store(tmp_path_factory.mktemp("dialogues"), labels)
