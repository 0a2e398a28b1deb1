"""Missing and noisy tracks, to test how robust a trained head is."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from train.data.dataset import Dataset
from train.data.masking import Padded
from train.data.tracks import TrackSource

NOISE_LEVELS = (0.25, 0.5, 1.0, 2.0)


class Missing:
    """The tracks of a modality that is missing for every utterance."""

    def __init__(self, tracks: TrackSource) -> None:
        self.tracks = tracks
        self.lengths = torch.zeros_like(tracks.lengths)

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and width."""
        return self.tracks.shape

    def gather(self, rows: Tensor) -> Padded:
        """One masked step per row."""
        mask = torch.zeros(len(rows), 1, dtype=torch.bool)
        return Padded(torch.zeros(len(rows), 1, *self.shape), mask)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Those of the tracks that are missing."""
        return self.tracks.moments()


class Noisy:
    """Tracks with normal noise of `level` standard deviations `std (L, D)` on every value."""

    def __init__(self, tracks: TrackSource, std: Tensor, level: float) -> None:
        self.tracks, self.std, self.level = tracks, std, level
        self.lengths = tracks.lengths

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and width."""
        return self.tracks.shape

    def gather(self, rows: Tensor) -> Padded:
        """The same noise for the same rows."""
        clean = self.tracks.gather(rows)
        generator = torch.Generator().manual_seed(int(rows.sum()))
        # In place: a batch of wide tracks is hundreds of megabytes.
        noise = torch.randn(clean.values.shape, generator=generator)
        return Padded(noise.mul_(self.level * self.std).add_(clean.values), clean.mask)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Those of the tracks without noise."""
        return self.tracks.moments()


def corrupted_datasets(
    dataset: Dataset, deviations: Mapping[str, Tensor]
) -> dict[tuple[str, float | None], Dataset]:
    """The dataset with one modality missing (level None) or noisy, by modality and level.

    Nothing goes missing where there is one modality only.
    """
    corrupted: dict[tuple[str, float | None], TrackSource] = {}
    for name, tracks in dataset.tracks.items():
        if len(dataset.tracks) > 1:
            corrupted[name, None] = Missing(tracks)
        for level in NOISE_LEVELS:
            corrupted[name, level] = Noisy(tracks, deviations[name], level)
    return {
        (name, level): replace(dataset, tracks={**dataset.tracks, name: tracks})
        for (name, level), tracks in corrupted.items()
    }
