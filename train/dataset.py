"""Joins the stores of a corpus by utterance id; the only place that pads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from features.errors import ProjectError
from features.store.reader import Store
from train.masking import Padded


class Tracks:
    """The tracks of one modality, packed in memory: `values (sum of T, L, D)`."""

    def __init__(self, values: Tensor, lengths: Tensor) -> None:
        self.values = values
        self.lengths = lengths
        self.starts = torch.cumsum(lengths, 0) - lengths
        if len(values) == 0:
            self.values = values.new_zeros((1, *values.shape[1:]))

    def gather(self, rows: Tensor) -> Padded:
        """The tracks of some rows as float32 `(B, T, L, D)`, T the longest of them, at least 1."""
        lengths = self.lengths[rows]
        steps = torch.arange(max(1, int(lengths.max())))
        mask = steps < lengths[:, None]
        index = torch.where(mask, self.starts[rows][:, None] + steps, 0)
        return Padded(self.values[index].float(), mask)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over all steps, `(L, D)` each; 0 and 1 without steps."""
        if int(self.lengths.sum()) == 0:
            shape = self.values.shape[1:]
            return torch.zeros(shape), torch.ones(shape)
        total, squares = 0.0, 0.0
        for block in self.values.split(65_536):
            total = total + block.double().sum(dim=0)
            squares = squares + block.double().square().sum(dim=0)
        mean = torch.as_tensor(total) / len(self.values)
        variance = torch.as_tensor(squares) / len(self.values) - mean.square()
        return mean.float(), variance.clamp_min(1e-8).sqrt().float()


@dataclass(frozen=True)
class Dataset:
    """Some utterances with their tracks per modality, in the order of `ids`."""

    ids: tuple[str, ...]
    tracks: Mapping[str, Tracks]

    def __len__(self) -> int:
        return len(self.ids)

    def gather(self, rows: Tensor) -> dict[str, Padded]:
        """A padded batch per modality."""
        return {modality: tracks.gather(rows) for modality, tracks in self.tracks.items()}

    def costs(self) -> Tensor:
        """Steps of each utterance over all modalities, `(N,)`."""
        return torch.stack([tracks.lengths for tracks in self.tracks.values()]).sum(dim=0)


def load_dataset(stores: Mapping[str, Store], ids: Sequence[str]) -> Dataset:
    """Read the tracks of some utterances from one store per modality into memory.

    Raises ProjectError where a store does not know an utterance.
    """
    return Dataset(tuple(ids), {name: _load(store, ids) for name, store in stores.items()})


def open_stores(paths: Mapping[str, Path]) -> dict[str, Store]:
    """Open one published store per modality."""
    return {modality: Store(path) for modality, path in paths.items()}


def _load(store: Store, ids: Sequence[str]) -> Tracks:
    unknown = [name for name in ids if name not in store.rows]
    if unknown:
        raise ProjectError(
            f"{store.path} does not know the utterance {unknown[0]!r} ({len(unknown)} in all); it "
            "was made from another manifest. Run 'dvc repro'."
        )
    rows = [store.rows[name] for name in ids]
    packed = torch.from_numpy(store.read(rows)).transpose(0, 1).contiguous()
    return Tracks(packed, torch.from_numpy(store.lengths[rows].astype("int64")))
