"""Assembles a head from its spec: inputs, temporal encoders, fusion with pooling, tasks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from features.errors import ProjectError
from features.head_specs import HeadSpec
from features.leaves import load_leaf
from train.dataset import Dataset
from train.losses import Uncertainty
from train.masking import Padded, zero_padding


class Input(nn.Module):
    """One modality's way in: standardised steps, weighted layers, projected to `dim`.

    Mean and standard deviation come from the training part. Where a store holds several
    layers, their weights are learned (a softmax, at first all equal).
    """

    def __init__(self, num_layers: int, in_dim: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_layers, in_dim))
        self.register_buffer("std", torch.ones(num_layers, in_dim))
        self.layer_weights = nn.Parameter(torch.zeros(num_layers)) if num_layers > 1 else None
        self.project = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(in_dim, dim), nn.LayerNorm(dim), nn.GELU()
        )

    def forward(self, track: Padded) -> Padded:
        """`(B, T, L, D)` to `(B, T, dim)`."""
        # In place: a batch of wide tracks is hundreds of megabytes.
        values = zero_padding(track).values.sub_(self.mean).div_(self.std)  # type: ignore[arg-type]
        if self.layer_weights is None:
            return Padded(self.project(values[:, :, 0]), track.mask)
        weights = self.layer_weights.softmax(dim=0)
        return Padded(self.project(torch.einsum("btld,l->btd", values, weights)), track.mask)


class PresentOrMissing(nn.Module):
    """A pooling that answers with a learned vector where there is no track to pool."""

    def __init__(self, pooling: nn.Module) -> None:
        super().__init__()
        self.pooling = pooling
        self.out_dim = int(pooling.out_dim)  # type: ignore[arg-type]
        self.missing = nn.Parameter(torch.zeros(self.out_dim))

    def forward(self, track: Padded) -> Tensor:
        return torch.where(track.present[:, None], self.pooling(track), self.missing)


class Head(nn.Module):
    """Padded tracks per modality to one output per task.

    `shapes` gives layers and width of each modality's store, `facts` what each task knows of
    the training labels.
    """

    def __init__(
        self,
        spec: HeadSpec,
        shapes: Mapping[str, tuple[int, int]],
        facts: Mapping[str, dict[str, Any]],
    ) -> None:
        super().__init__()
        temporal = load_leaf("train/temporal", spec.temporal.code).Temporal
        pooling = load_leaf("train/pooling", spec.pooling.code).Pooling
        fusion = load_leaf("train/fusions", spec.fusion.code).Fusion
        self.inputs = nn.ModuleDict(
            {name: Input(*shape, spec.dim, spec.dropout) for name, shape in shapes.items()}
        )
        try:
            self.temporals = nn.ModuleDict(
                {name: temporal(spec.dim, spec.dropout, **spec.temporal.options) for name in shapes}
            )
            self.fusion = fusion(
                list(shapes),
                spec.dim,
                spec.dropout,
                lambda: PresentOrMissing(pooling(spec.dim, **spec.pooling.options)),
                **spec.fusion.options,
            )
        except ValueError as error:
            raise ProjectError(f"params.yaml: heads.{spec.name}: {error}") from None
        self.mix = nn.Sequential(
            nn.Dropout(spec.dropout), nn.Linear(self.fusion.out_dim, spec.dim), nn.GELU()
        )
        self.dropout = nn.Dropout(spec.dropout)
        tasks = {
            name: load_leaf("train/tasks", leaf.code).Task(spec.dim, facts[name], **leaf.options)
            for name, leaf in spec.tasks.items()
        }
        self.tasks = nn.ModuleDict(tasks)

        learned = spec.training.task_weights == "uncertainty"
        self.uncertainty = Uncertainty(len(self.tasks)) if learned else None

    def total(self, losses: Tensor) -> Tensor:
        """The loss of all tasks `(tasks,)`: by their own weights, or by learned ones as well."""
        weights = losses.new_tensor([task.weight for task in self.tasks.values()])
        weighted: Tensor = losses * weights
        return weighted.sum() if self.uncertainty is None else self.uncertainty(weighted)

    def standardise(self, dataset: Dataset) -> None:
        """Take mean and standard deviation of every modality from the training part."""
        for name, tracks in dataset.tracks.items():
            mean, std = tracks.moments()
            self.inputs[name].mean.copy_(mean)  # type: ignore[operator,union-attr]
            self.inputs[name].std.copy_(std)  # type: ignore[operator,union-attr]

    def forward(self, tracks: Mapping[str, Padded]) -> dict[str, Tensor]:
        encoded = {
            name: self.temporals[name](into(tracks[name])) for name, into in self.inputs.items()
        }
        fused = self.dropout(self.mix(self.fusion(encoded)))
        return {name: task(fused) for name, task in self.tasks.items()}
