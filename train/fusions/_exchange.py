"""What fusions have in common in which steps of one modality look at those of others."""

from collections.abc import Sequence
from typing import Literal

from torch import nn

from features.leaves import load_leaf
from train.fusions._vectors import Pool

# How the modalities become one vector after they have looked at each other.
Then = Literal["concat", "gated", "dynamic", "adaptive", "tensor", "low-rank"]


def then_fusion(
    then: Then, modalities: Sequence[str], dim: int, dropout: float, pool: Pool
) -> nn.Module:
    """The fusion of that name with its own settings, over tracks of the width `dim`."""
    fusion: nn.Module = load_leaf("train/fusions", then).Fusion(modalities, dim, dropout, pool)
    return fusion


def pairs(modalities: Sequence[str]) -> list[tuple[str, str]]:
    """Every modality with every other one, both ways round."""
    return [(one, other) for one in modalities for other in modalities if one != other]
