"""Joins the stores of a corpus by utterance id; the only place that pads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from features.errors import ProjectError
from features.manifest import Label
from features.store.reader import Store
from train.data.dialogues import Places, Turns
from train.data.masking import Padded

CPU = torch.device("cpu")
# Tracks of a modality and part of the corpus beyond this stay on disk.
RESIDENT_BYTES = 2**30
# Numbers that moments are taken of at a time.
BLOCK_VALUES = 2**24


class TrackSource(Protocol):
    """The tracks of one modality: `lengths (N,)`, and `shape`, layers and width."""

    lengths: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and width."""

    def gather(self, rows: Tensor) -> Padded:
        """The tracks of some rows as float32 `(B, T, L, D)`, T the longest of them, at least 1."""

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over all steps, `(L, D)` each; 0 and 1 without steps."""


class Tracks:
    """The tracks of one modality, packed in memory: `values (sum of T, L, D)`.

    Values and `starts` may be on a GPU; `lengths` are on the CPU, where the size of a batch is
    decided.
    """

    def __init__(self, values: Tensor, lengths: Tensor) -> None:
        self.values = values
        self.lengths = lengths
        self.starts = (torch.cumsum(lengths, 0) - lengths).to(values.device)
        self._lengths = lengths.to(values.device)
        if len(values) == 0:
            self.values = values.new_zeros((1, *values.shape[1:]))

    @property
    def num_bytes(self) -> int:
        """The memory that the values take."""
        return self.values.numel() * self.values.element_size()

    def on(self, device: torch.device) -> "Tracks":
        """The same tracks on a device."""
        return Tracks(self.values.to(device), self.lengths)

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and width."""
        return self.values.shape[1], self.values.shape[2]

    def gather(self, rows: Tensor) -> Padded:
        """The tracks of some rows as float32 `(B, T, L, D)`, T the longest of them, at least 1."""
        longest = max(1, int(self.lengths[rows].max()))
        rows = rows.to(self.values.device, non_blocking=True)
        steps = torch.arange(longest, device=rows.device)
        mask = steps < self._lengths[rows][:, None]
        index = torch.where(mask, self.starts[rows][:, None] + steps, 0)
        values = self.values.index_select(0, index.flatten()).unflatten(0, mask.shape)
        return Padded(values.float(), mask)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over all steps, `(L, D)` each; 0 and 1 without steps."""
        num_steps = int(self.lengths.sum())
        block = max(1, BLOCK_VALUES // max(1, self.shape[0] * self.shape[1]))
        return moments(self.values[:num_steps].split(block), self.shape)


class StoredTracks:
    """The tracks of one modality that are read from the store batch by batch, see `Tracks`."""

    def __init__(self, store: Store, rows: Sequence[int]) -> None:
        self.store = store
        self.rows = torch.tensor(rows, dtype=torch.int64)
        self.lengths = torch.from_numpy(store.lengths[list(rows)].astype("int64"))

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and width."""
        return self.store.num_layers, self.store.dim

    def gather(self, rows: Tensor) -> Padded:
        """The tracks of some rows as float32 `(B, T, L, D)`, T the longest of them, at least 1."""
        mask = step_mask(self.lengths[rows])
        packed = self._packed(rows)
        values = packed.new_zeros((*mask.shape, *self.shape))
        values[mask] = packed
        return Padded(values.float(), mask)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over all steps, `(L, D)` each; 0 and 1 without steps."""
        longest = int(self.lengths.max()) * self.shape[0] * self.shape[1]
        together = max(1, BLOCK_VALUES // max(1, longest))
        blocks = (self._packed(rows) for rows in torch.arange(len(self.rows)).split(together))
        return moments(blocks, self.shape)

    def _packed(self, rows: Tensor) -> Tensor:
        """The steps of some rows one after another, `(sum of T, L, D)`."""
        return torch.from_numpy(self.store.read(self.rows[rows].tolist())).transpose(0, 1)


def step_mask(lengths: Tensor) -> Tensor:
    """True where a step is real, `(B, T)`, T the longest length, at least 1."""
    return torch.arange(max(1, int(lengths.max()))) < lengths[:, None]


def moments(blocks: Iterable[Tensor], shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the steps of all blocks `(T, L, D)`; 0 and 1 where there are none."""
    num_steps, total, squares = 0, torch.zeros(shape).double(), torch.zeros(shape).double()
    for block in blocks:
        exact = block.double()
        num_steps += len(block)
        total += exact.sum(dim=0)
        squares += exact.square().sum(dim=0)
    if num_steps == 0:
        return torch.zeros(shape), torch.ones(shape)
    mean = total / num_steps
    variance = squares / num_steps - mean.square()
    return mean.float(), variance.clamp_min(1e-8).sqrt().float()


@dataclass(frozen=True)
class Dataset:
    """Some utterances, their tracks per modality and their places in dialogues, as in `ids`."""

    ids: tuple[str, ...]
    tracks: Mapping[str, TrackSource]
    places: Places

    def __len__(self) -> int:
        return len(self.ids)

    def on(self, device: torch.device) -> "Dataset":
        """The same utterances, with those tracks that are in memory on a GPU where there is room.

        They take half of its free memory at most; the others come batch by batch.
        """
        packed = {n: t for n, t in self.tracks.items() if isinstance(t, Tracks)}
        needed = sum(tracks.num_bytes for tracks in packed.values())
        if device.type != "cuda" or needed > torch.cuda.mem_get_info(device)[0] // 2:
            return self
        moved = {name: tracks.on(device) for name, tracks in packed.items()}
        return replace(self, tracks={**self.tracks, **moved})

    def gather(self, rows: Tensor, device: torch.device = CPU) -> dict[str, Padded]:
        """A padded batch per modality, on a device."""
        batch = {modality: tracks.gather(rows) for modality, tracks in self.tracks.items()}
        return {
            name: Padded(track.values.to(device), track.mask.to(device))
            for name, track in batch.items()
        }

    def turns(self, rows: Tensor, device: torch.device = CPU) -> Turns:
        """Who of a batch speaks when, on a device."""
        return self.places.of_rows(rows).to(device)

    def costs(self) -> Tensor:
        """Steps of each utterance over all modalities, `(N,)`."""
        return torch.stack([tracks.lengths for tracks in self.tracks.values()]).sum(dim=0)


@dataclass(frozen=True)
class Part:
    """A part of a corpus: tracks and labels in the same order."""

    dataset: Dataset
    labels: Sequence[Label]


def load_dataset(stores: Mapping[str, Store], labels: Sequence[Label]) -> Dataset:
    """The tracks of the utterances that are labelled, from one store per modality.

    Those of a modality are read into memory, unless they are more than RESIDENT_BYTES: then every
    batch is read from the store. Raises ProjectError where a store does not know an utterance.
    """
    ids = [label.id for label in labels]
    tracks = {name: _load(store, ids) for name, store in stores.items()}
    return Dataset(tuple(ids), tracks, Places.of(labels))


def open_stores(paths: Mapping[str, Path]) -> dict[str, Store]:
    """Open one published store per modality."""
    return {modality: Store(path) for modality, path in paths.items()}


def _load(store: Store, ids: Sequence[str]) -> Tracks | StoredTracks:
    unknown = [name for name in ids if name not in store.rows]
    if unknown:
        raise ProjectError(
            f"{store.path} does not know the utterance {unknown[0]!r} ({len(unknown)} in all); it "
            "was made from another manifest. Run 'dvc repro'."
        )
    rows = [store.rows[name] for name in ids]
    lengths = torch.from_numpy(store.lengths[rows].astype("int64"))
    num_values = int(lengths.sum()) * store.num_layers * store.dim
    if num_values * np.dtype(store.dtype).itemsize > RESIDENT_BYTES:
        return StoredTracks(store, rows)
    packed = torch.from_numpy(store.read(rows)).transpose(0, 1).contiguous()
    return Tracks(packed, lengths)
