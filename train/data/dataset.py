"""Joins the stores of a corpus by utterance id; the only place that pads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from features.errors import ProjectError
from features.manifest import Label
from features.store.reader import Store
from train.data.dialogues import Places, Turns
from train.data.masking import Packed, Padded, packed
from train.data.tracks import Movable, StoredTracks, Taken, Tracks, TrackSource

CPU = torch.device("cpu")
# Tracks of a modality and split beyond this stay on disk.
RESIDENT_BYTES = 2**30


@dataclass(frozen=True)
class Dataset:
    """Some utterances in the order of `ids`: tracks per modality, and places in dialogues."""

    ids: tuple[str, ...]
    tracks: Mapping[str, TrackSource]
    places: Places

    def __len__(self) -> int:
        return len(self.ids)

    def on(self, device: torch.device) -> "Dataset":
        """The same utterances, with those tracks that are in memory on a GPU where there is room.

        They take half of its free memory at most; the others come batch by batch.
        """
        packed = {n: t for n, t in self.tracks.items() if isinstance(t, Movable)}
        num_bytes = sum(tracks.num_bytes for tracks in packed.values())
        if device.type != "cuda" or num_bytes > torch.cuda.mem_get_info(device)[0] // 2:
            return self
        moved = {name: tracks.on(device) for name, tracks in packed.items()}
        return replace(self, tracks={**self.tracks, **moved})

    def some(self, rows: Sequence[int], labels: Sequence[Label]) -> "Dataset":
        """Some of the utterances, whose `labels` say where they are in their dialogues."""
        sources = torch.tensor(list(rows))
        tracks = {name: Taken(own, sources) for name, own in self.tracks.items()}
        return Dataset(tuple(self.ids[row] for row in rows), tracks, Places.of(labels))

    def gather(self, rows: Tensor, device: torch.device = CPU) -> dict[str, Padded]:
        """A padded batch per modality, on a device."""
        batch = {modality: tracks.gather(rows) for modality, tracks in self.tracks.items()}
        return {
            name: Padded(track.values.to(device), track.mask.to(device))
            for name, track in batch.items()
        }

    def gather_packed(self, rows: Tensor) -> dict[str, Packed]:
        """A batch per modality without padding, on the CPU."""
        return {
            name: tracks.gather_packed(rows)
            if isinstance(tracks, Tracks)
            else packed(tracks.gather(rows))
            for name, tracks in self.tracks.items()
        }

    def turns(self, rows: Tensor, device: torch.device = CPU) -> Turns:
        """Who of a batch speaks when, on a device."""
        return self.places.of_rows(rows).to(device)

    def costs(self) -> Tensor:
        """Steps of each utterance over all modalities, `(N,)`."""
        return torch.stack([tracks.lengths for tracks in self.tracks.values()]).sum(dim=0)


@dataclass(frozen=True)
class SplitData:
    """A split of a corpus as a training gets it: tracks and labels in the same order."""

    dataset: Dataset
    labels: Sequence[Label]


def load_dataset(stores: Mapping[str, Store], labels: Sequence[Label]) -> Dataset:
    """The tracks of some labels' utterances, from one store per modality.

    Those of a modality are read into memory, unless they are more than RESIDENT_BYTES: then every
    batch is read from the store. Raises ProjectError where a store lacks an utterance.
    """
    ids = [label.id for label in labels]
    tracks = {name: _load(store, ids) for name, store in stores.items()}
    return Dataset(tuple(ids), tracks, Places.of(labels))


def open_stores(paths: Mapping[str, Path]) -> dict[str, Store]:
    """Open one published store per modality."""
    return {modality: Store(path) for modality, path in paths.items()}


def _load(store: Store, ids: Sequence[str]) -> Tracks | StoredTracks:
    absent = [name for name in ids if name not in store.rows]
    if absent:
        raise ProjectError(
            f"{store.path} does not have the utterance {absent[0]!r} ({len(absent)} in all); it "
            "was made from another manifest. Run 'dvc repro'."
        )
    rows = [store.rows[name] for name in ids]
    lengths = torch.from_numpy(store.lengths[rows].astype("int64"))
    num_values = int(lengths.sum()) * store.num_layers * store.dim
    if num_values * np.dtype(store.dtype).itemsize > RESIDENT_BYTES:
        return StoredTracks(store, rows)
    packed = torch.from_numpy(store.read(rows)).transpose(0, 1).contiguous()
    return Tracks(packed, lengths)
