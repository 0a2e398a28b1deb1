"""MemoCMT: every pair of modalities through a cross-modal transformer, all steps pooled as one.

After Khan et al. (2025), whose aggregation (min, mean, max or the first token) is the head's
`pooling`: over all steps of all pairs, not per modality. As there, the first step is that of the
first modality (text, where there is one) after it has looked at the second: with `first` the other
pairs count for nothing.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from train.data.masking import Padded, joined
from train.fusions._exchange import pairs
from train.model.attention import AttentionBlock
from train.model.contracts import Pool

RANGES = {"heads": (1, None)}
MIN_MODALITIES = 2
ENCODES_STEPS = True
ONE_POOLING = True


class Fusion(nn.Module):
    """One vector of all steps after they have looked at another modality: `(B, out_dim)`.

    An utterance that lacks a modality keeps the steps of the others as they are.
    """

    def __init__(
        self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool, *, heads: int = 4
    ) -> None:
        super().__init__()
        self.pairs = pairs(modalities)
        self.pooled = [one for one, _ in self.pairs]
        self.blocks = nn.ModuleDict(
            {f"{one}-{other}": AttentionBlock(dim, heads, dropout) for one, other in self.pairs}
        )
        self.pool = pool(modalities[0])
        self.out_dim = self.pool.out_dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        fused: Tensor = self.pool(
            joined(
                self.blocks[f"{one}-{other}"](tracks[one], tracks[other])
                for one, other in self.pairs
            )
        )
        return fused
