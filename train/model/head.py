"""Assembles a head from its spec: inputs, temporal encoders, fusion, dialogue, tasks."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from features.errors import ProjectError
from features.leaves import load_leaf
from features.specs.heads import HeadSpec
from train.data.dataset import Dataset
from train.data.dialogues import Turns, single_utterances
from train.data.masking import Padded, Steps, padded, some_rows
from train.model.contracts import (
    Dialogue,
    Encoded,
    Fusion,
    Networks,
    Objective,
    Pooling,
    Task,
    Temporal,
    by_name,
)
from train.model.dropout import Dropout
from train.model.input import Input, StoredStates
from train.model.losses import Uncertainty

# Utterances that are encoded at a time where whole dialogues are read.
GROUP = 16
Facts = Mapping[str, dict[str, Any]]
NO_NETWORKS: Networks = {}


class PresentOrMissing(nn.Module):
    """A pooling, with a learned vector in its place where the track is missing."""

    def __init__(self, modality: str, pooling: Pooling) -> None:
        super().__init__()
        self.modality, self.pooling = modality, pooling
        self.out_dim = pooling.out_dim
        self.missing = nn.Parameter(torch.zeros(self.out_dim))

    def forward(self, track: Padded) -> Tensor:
        return torch.where(track.present[:, None], self.pooling(track), self.missing)

    def weights(self, track: Padded) -> Tensor:
        """How much of the vector comes from each step, `(B, T)`; 0 where the track is missing."""
        return self.pooling.weights(track)


class Head(nn.Module):
    """Padded tracks per modality, and who speaks when, to one output per task.

    `shapes` gives layers and width of each modality's store, `facts` what each task and objective
    takes from the training labels, `networks` (by modality) the frozen network's layers that
    temporal encoders are made of. Raises ProjectError for settings that contradict each other.
    """

    task_weights: Tensor

    def __init__(
        self,
        spec: HeadSpec,
        shapes: Mapping[str, tuple[int, int]],
        facts: Facts,
        networks: Networks = NO_NETWORKS,
    ) -> None:
        super().__init__()
        self.inputs = by_name({name: _input(spec, name, shape) for name, shape in shapes.items()})
        hidden = spec.hidden or spec.dim
        try:
            self.temporals = by_name({name: _temporal(spec, name, networks) for name in shapes})
            self.fusion = _fusion(spec, list(shapes))
            self.dialogue = _dialogue(spec, hidden)
            self.causal = bool(spec.dialogue and spec.dialogue.options.get("causal"))
            self.tasks = by_name({name: _task(spec, name, hidden, facts) for name in spec.tasks})
            self.objectives = by_name(
                {name: _objective(spec, name, hidden, shapes, facts) for name in spec.objectives}
            )
        except ValueError as error:
            raise ProjectError(f"{spec.where}: {error}") from None
        self.mix = nn.Sequential(
            Dropout(spec.dropout),
            nn.Linear(self.fusion.out_dim, hidden),
            *([nn.LayerNorm(hidden)] if spec.norm == "all" else []),
            nn.GELU(),
            Dropout(spec.dropout),
        )
        weights = torch.tensor([float(task.weight) for task in self.tasks.values()])
        self.register_buffer("task_weights", weights, persistent=False)
        learned = spec.training.task_weights == "uncertainty"
        self.uncertainty = Uncertainty(len(self.tasks)) if learned else None

    def total(self, losses: Tensor) -> Tensor:
        """The loss of all tasks `(tasks,)`: by their own weights, or by learned ones as well."""
        weighted = losses * self.task_weights
        return weighted.sum() if self.uncertainty is None else self.uncertainty(weighted)

    def take_moments(self, dataset: Dataset) -> None:
        """Take mean and standard deviation of every modality from the training split."""
        for name, tracks in dataset.tracks.items():
            self.inputs[name].take_moments(*tracks.moments())

    def standardised(self, tracks: Mapping[str, Steps]) -> dict[str, Steps]:
        """The tracks of the modalities it reads, in standard deviations from the mean."""
        return {name: entry.standardised(tracks[name]) for name, entry in self.inputs.items()}

    def encode(self, tracks: Mapping[str, Steps], turns: Turns | None = None) -> Encoded:
        """Encoded steps and fused vectors of standardised tracks.

        `turns` says who of the batch speaks when; None: every utterance is on its own.
        """
        mask = next(iter(tracks.values())).mask
        turns = turns or single_utterances(len(mask), mask.device)
        if self.dialogue is None:
            return Encoded(*self.utterances(tracks), turns)
        if len(self.objectives):
            encoded, fused = self.utterances(tracks)
        else:
            encoded, fused = {}, self._by_length(tracks)
        in_context = self.dialogue(turns.arranged(fused), turns.speakers)
        return Encoded(encoded, turns.flat(in_context.values), turns, self.causal)

    def utterances(self, tracks: Mapping[str, Steps]) -> tuple[dict[str, Padded], Tensor]:
        """Encoded steps and fused vectors of utterances, each on its own."""
        encoded = {
            name: self.temporals[name](entry(tracks[name])) for name, entry in self.inputs.items()
        }
        return encoded, self.mix(self.fusion(encoded))

    def _by_length(self, tracks: Mapping[str, Steps]) -> Tensor:
        """Only the fused vectors; utterances of like length together, or most would be padding.

        A GPU takes them all at once: it would have to be waited for, to learn their lengths.
        """
        if next(iter(tracks.values())).mask.device.type == "cuda":
            return self.utterances(tracks)[1]
        lengths = torch.stack([track.mask.sum(dim=1) for track in tracks.values()]).sum(dim=0)
        order = lengths.argsort(stable=True)
        fused = [
            self.utterances(
                {name: some_rows(padded(track), rows) for name, track in tracks.items()}
            )[1]
            for rows in order.split(GROUP)
        ]
        return torch.cat(fused)[order.argsort()]

    def outputs(self, encoded: Encoded) -> dict[str, Tensor]:
        """The output of each task."""
        return {name: task(encoded) for name, task in self.tasks.items()}

    def forward(self, tracks: Mapping[str, Steps], turns: Turns | None = None) -> dict[str, Tensor]:
        return self.outputs(self.encode(self.standardised(tracks), turns))


def takes_network(spec: HeadSpec, modality: str) -> bool:
    """Whether the temporal encoder of a modality is made of the frozen network's own layers."""
    return bool(getattr(_temporal_leaf(spec, modality), "TAKES_NETWORK", False))


def _temporal_leaf(spec: HeadSpec, modality: str) -> ModuleType:
    return load_leaf("train/temporal", spec.temporal[modality].code)


def _input(spec: HeadSpec, modality: str, shape: tuple[int, int]) -> Input | StoredStates:
    if not takes_network(spec, modality):
        return Input(spec, modality, shape)
    if shape[0] != 1:
        raise ProjectError(
            f"{spec.where}.temporal.{modality}: it continues from one layer, but the store holds "
            f"{shape[0]}"
        )
    return StoredStates(shape)


def _temporal(spec: HeadSpec, modality: str, networks: Networks) -> Temporal:
    network = [networks[modality]] if takes_network(spec, modality) else []
    temporal = _temporal_leaf(spec, modality).Temporal
    settings = spec.temporal[modality].arguments
    made: Temporal = temporal(spec.dim, spec.dropout, *network, **settings)
    return made


def _pooling(spec: HeadSpec, modality: str) -> Pooling:
    leaf = spec.pooling[modality]
    made: Pooling = load_leaf("train/pooling", leaf.code).Pooling(spec.dim, **leaf.options)
    return PresentOrMissing(modality, made)


def _fusion(spec: HeadSpec, modalities: list[str]) -> Fusion:
    leaf = spec.fusion
    fusion = load_leaf("train/fusions", leaf.code).Fusion
    made: Fusion = fusion(
        modalities, spec.dim, spec.dropout, lambda name: _pooling(spec, name), **leaf.options
    )
    return made


def _dialogue(spec: HeadSpec, hidden: int) -> Dialogue | None:
    leaf = spec.dialogue
    if leaf is None:
        return None
    dialogue = load_leaf("train/dialogues", leaf.code).Dialogue
    made: Dialogue = dialogue(hidden, spec.dropout, **leaf.options)
    return made


def _task(spec: HeadSpec, name: str, hidden: int, facts: Facts) -> Task:
    leaf = spec.tasks[name]
    made: Task = load_leaf("train/tasks", leaf.code).Task(hidden, facts[name], **leaf.options)
    return made


def _objective(
    spec: HeadSpec, name: str, hidden: int, modalities: Mapping[str, Any], facts: Facts
) -> Objective:
    leaf = spec.objectives[name]
    objective = load_leaf("train/objectives", leaf.code).Objective
    made: Objective = objective(spec.dim, hidden, list(modalities), facts[name], **leaf.arguments)
    return made
