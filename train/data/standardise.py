"""Tracks in standard deviations from the mean of their own speaker, or of themselves.

By default a head standardises by mean and deviation of the training split. `standardise: {audio:
speaker}` takes those of each speaker instead, over the utterances that the split has of them,
without any label; a speaker with fewer than two tracks is standardised by the training split.
`utterance` takes those of each track (mean and variance normalisation). Speaker-wise normalisation
of acoustic features: Batliner et al. 2011; Busso et al. 2011.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from features.errors import ProjectError
from features.manifest import Label
from features.specs.heads import TrainedSpec
from train.data.dataset import Dataset
from train.data.masking import Padded, masked_mean, masked_std, zero_padding
from train.data.tracks import BLOCK_VALUES, Tracks, TrackSource, moments

FEWEST_TRACKS = 2
LEAST_VARIANCE = 1e-8


class Moments(NamedTuple):
    """Mean and standard deviation `(L, D)` over the steps of a training split."""

    mean: Tensor
    std: Tensor


class Standardised:
    """What tracks that are standardised here have in common; `corpus` are the moments of training.

    `moments` are those of the training split: they are kept with the weights, for speakers of whom
    there is one utterance only.
    """

    def __init__(self, tracks: TrackSource, corpus: Moments) -> None:
        self.tracks, self.corpus = tracks, corpus
        self.lengths = tracks.lengths

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and width."""
        return self.tracks.shape

    @property
    def num_bytes(self) -> int:
        """The memory that the values take."""
        return self.tracks.num_bytes if isinstance(self.tracks, Tracks) else 0

    def moments(self) -> tuple[Tensor, Tensor]:
        """Those of the training split, before standardising."""
        return self.corpus

    def _tracks_on(self, device: torch.device) -> TrackSource:
        return self.tracks.on(device) if isinstance(self.tracks, Tracks) else self.tracks


class ByUtterance(Standardised):
    """Each track in standard deviations from its own mean; a track of one step becomes zeros."""

    def on(self, device: torch.device) -> "ByUtterance":
        """The same tracks on a device."""
        return ByUtterance(self._tracks_on(device), self.corpus)

    def gather(self, rows: Tensor) -> Padded:
        """The tracks of some rows as float32 `(B, T, L, D)`."""
        clean = zero_padding(self.tracks.gather(rows))
        flat = Padded(clean.values.flatten(2), clean.mask)
        mean, std = (
            statistic[:, None].unflatten(2, self.shape)
            for statistic in (masked_mean(flat), masked_std(flat, LEAST_VARIANCE))
        )
        return Padded(clean.values.sub_(mean).div_(std), clean.mask)


class BySpeaker(Standardised):
    """Tracks in standard deviations from the mean of their speaker.

    `groups (N,)` says whose moments `means` and `stds (G, L, D)` an utterance is standardised by;
    the first ones are those of the training split.
    """

    def __init__(
        self, tracks: TrackSource, corpus: Moments, groups: Tensor, means: Tensor, stds: Tensor
    ) -> None:
        super().__init__(tracks, corpus)
        self.groups, self.means, self.stds = groups, means, stds

    @classmethod
    def of(
        cls, tracks: TrackSource, corpus: Moments, speakers: Sequence[str | None]
    ) -> "BySpeaker":
        """Take mean and deviation of every speaker who has at least FEWEST_TRACKS tracks."""
        groups = torch.zeros(len(speakers), dtype=torch.int64)
        by_group = [corpus]
        for number, rows in enumerate(_rows_by_speaker(speakers, tracks.lengths), 1):
            groups[rows] = number
            by_group.append(Moments(*_moments_of(tracks, torch.tensor(rows))))
        means, stds = (torch.stack(values) for values in zip(*by_group, strict=True))
        return cls(tracks, corpus, groups, means, stds)

    def on(self, device: torch.device) -> "BySpeaker":
        """The same tracks on a device."""
        moved = (self.groups, self.means.to(device), self.stds.to(device))
        return BySpeaker(self._tracks_on(device), self.corpus, *moved)

    def gather(self, rows: Tensor) -> Padded:
        """The tracks of some rows as float32 `(B, T, L, D)`."""
        track = self.tracks.gather(rows)
        groups = self.groups[rows.cpu()].to(self.means.device)
        mean, std = (
            moment[groups][:, None].to(track.values.device) for moment in (self.means, self.stds)
        )
        return Padded(track.values.sub_(mean).div_(std), track.mask)


def standardised(
    spec: TrainedSpec,
    dataset: Dataset,
    labels: Sequence[Label],
    corpus: Mapping[str, Moments],
) -> Dataset:
    """A dataset whose tracks are standardised as a head says, where not by the training split.

    `labels` say who speaks. `corpus` are the moments of the training split by modality.
    """
    tracks = dict(dataset.tracks)
    for name, how in spec.standardise.items():
        if how == "speaker":
            speakers = [label.speaker for label in labels]
            tracks[name] = BySpeaker.of(tracks[name], corpus[name], speakers)
        elif how == "utterance":
            tracks[name] = ByUtterance(tracks[name], corpus[name])
    return replace(dataset, tracks=tracks)


def refuse_single_steps(spec: TrainedSpec, train: Dataset) -> None:
    """Raise ProjectError where standardising by utterance leaves nothing of a training split."""
    for name, how in spec.standardise.items():
        if how == "utterance" and int(train.tracks[name].lengths.max()) <= 1:
            raise ProjectError(
                f"{spec.where}.standardise.{name} is 'utterance', but no {name} track has more "
                "than one step, so all values would become zero; choose 'speaker' or 'corpus'"
            )


def corpus_moments(spec: TrainedSpec, train: Dataset) -> dict[str, Moments]:
    """Mean and deviation of the modalities that are not standardised by them alone."""
    names = [name for name, how in spec.standardise.items() if how != "corpus"]
    return {name: Moments(*train.tracks[name].moments()) for name in names}


class Standardising(NamedTuple):
    """How many speakers were standardised by their own tracks, how many tracks these are, and how
    many tracks of others were standardised by the training split."""

    speakers: int
    by_speaker: int
    by_corpus: int


def num_standardised(
    spec: TrainedSpec, dataset: Dataset, labels: Sequence[Label]
) -> dict[str, Standardising]:
    """What `standardised` does to each modality that is standardised by speaker."""
    counts = {}
    for name, how in spec.standardise.items():
        if how != "speaker":
            continue
        lengths = dataset.tracks[name].lengths
        rows = _rows_by_speaker([label.speaker for label in labels], lengths)
        by_speaker = sum(map(len, rows))
        counts[name] = Standardising(len(rows), by_speaker, int((lengths > 0).sum()) - by_speaker)
    return counts


def _rows_by_speaker(speakers: Sequence[str | None], lengths: Tensor) -> list[list[int]]:
    """The rows of every speaker with FEWEST_TRACKS tracks or more."""
    rows: dict[str, list[int]] = {}
    for row, (speaker, length) in enumerate(zip(speakers, lengths.tolist(), strict=True)):
        if speaker is not None and length:
            rows.setdefault(speaker, []).append(row)
    return [own for own in rows.values() if len(own) >= FEWEST_TRACKS]


def _moments_of(tracks: TrackSource, rows: Tensor) -> tuple[Tensor, Tensor]:
    longest = int(tracks.lengths[rows].max()) * tracks.shape[0] * tracks.shape[1]
    blocks = rows.split(max(1, BLOCK_VALUES // max(1, longest)))

    def steps(rows: Tensor) -> Tensor:
        track = tracks.gather(rows)
        return track.values[track.mask].cpu()

    return moments((steps(block) for block in blocks), tracks.shape)
