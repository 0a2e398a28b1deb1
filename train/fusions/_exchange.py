"""What fusions have in common in which steps of one modality look at those of others."""

from collections.abc import Sequence
from typing import Annotated

from features.leaves import OneOfLeaves, load_leaf
from train.model.contracts import Fusion, Pool

# How the modalities become one vector after they have looked at each other.
Then = Annotated[str, OneOfLeaves("train/fusions", unless="ENCODES_STEPS")]


def then_fusion(
    then: str, modalities: Sequence[str], dim: int, dropout: float, pool: Pool
) -> Fusion:
    """The fusion of that name with its own settings, over tracks of the width `dim`."""
    fusion: Fusion = load_leaf("train/fusions", then).Fusion(modalities, dim, dropout, pool)
    return fusion


def pairs(modalities: Sequence[str]) -> list[tuple[str, str]]:
    """Every modality with every other one, both ways round."""
    return [(one, other) for one in modalities for other in modalities if one != other]
