"""The tracks of one modality: packed in memory, or read from the store batch by batch."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from features.store.reader import Store
from train.data.masking import Packed, Padded

# Values that moments are computed of at a time.
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


@runtime_checkable
class Movable(TrackSource, Protocol):
    """Tracks that can be moved to a device, and how much memory they take there."""

    @property
    def num_bytes(self) -> int: ...

    def on(self, device: torch.device) -> TrackSource:
        """The same tracks on a device."""


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

    def gather_packed(self, rows: Tensor) -> Packed:
        """The same steps without padding, `(S, L, D)` as they are stored; for tracks on the CPU."""
        # With numpy, several times as fast for the few rows of a batch.
        lengths, starts = self.lengths[rows].numpy(), self.starts[rows].numpy()
        longest = max(1, int(lengths.max()))
        step = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
        places = step + np.repeat(longest * np.arange(len(lengths)), lengths)
        mask = np.zeros((len(lengths), longest), np.bool_)
        mask.ravel()[places] = True
        values = self.values.index_select(0, torch.from_numpy(step + np.repeat(starts, lengths)))
        return Packed(values, torch.from_numpy(places), torch.from_numpy(mask))

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
        rows_per_block = max(1, BLOCK_VALUES // max(1, longest))
        blocks = (self._packed(rows) for rows in torch.arange(len(self.rows)).split(rows_per_block))
        return moments(blocks, self.shape)

    def _packed(self, rows: Tensor) -> Tensor:
        """The steps of some rows one after another, `(sum of T, L, D)`."""
        return torch.from_numpy(self.store.read(self.rows[rows].tolist())).transpose(0, 1)


class Taken:
    """The tracks of some rows of others, `sources (N,)`, among which a row may come twice."""

    def __init__(self, tracks: TrackSource, sources: Tensor) -> None:
        self.tracks, self.sources = tracks, sources
        self.lengths = tracks.lengths[sources]

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and width."""
        return self.tracks.shape

    def gather(self, rows: Tensor) -> Padded:
        """The tracks of some rows as float32 `(B, T, L, D)`, T the longest of them, at least 1."""
        return self.tracks.gather(self.sources[rows])

    def moments(self) -> tuple[Tensor, Tensor]:
        """Those of all rows that they are taken from."""
        return self.tracks.moments()


def step_mask(lengths: Tensor) -> Tensor:
    """True where a step is real, `(B, T)`, T the longest length, at least 1."""
    return torch.arange(max(1, int(lengths.max()))) < lengths[:, None]


def moments(blocks: Iterable[Tensor], shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the steps of all blocks `(T, L, D)`; 0 and 1 where there are none."""
    num_steps, total, squares = 0, torch.zeros(shape).double(), torch.zeros(shape).double()
    origin: Tensor | None = None
    for block in blocks:
        if len(block) == 0:
            continue
        # From the first step on: the squares of values far from zero would cancel each other.
        origin = block[0].double() if origin is None else origin
        precise = block.double() - origin
        num_steps += len(block)
        total += precise.sum(dim=0)
        squares += precise.square().sum(dim=0)
    if origin is None:
        return torch.zeros(shape), torch.ones(shape)
    mean = total / num_steps
    variance = squares / num_steps - mean.square()
    return (mean + origin).float(), variance.clamp_min(1e-8).sqrt().float()
