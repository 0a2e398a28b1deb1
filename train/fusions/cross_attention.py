"""Cross-attention: the steps of each modality attend to those of all others together.

With two modalities this is attention in both directions, as in Emotion2Vec_Text.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from train.data.masking import Padded, joined
from train.fusions._exchange import Then, then_fusion
from train.model.attention import AttentionBlock
from train.model.contracts import Pool

RANGES = {"heads": (1, None)}
MIN_MODALITIES = 2
ENCODES_STEPS = True


class Fusion(nn.Module):
    """One block per modality, its memory the steps of all others; then the fusion `then`."""

    def __init__(
        self,
        modalities: Sequence[str],
        dim: int,
        dropout: float,
        pool: Pool,
        *,
        heads: int = 4,
        then: Then = "concat",
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(
            {name: AttentionBlock(dim, heads, dropout) for name in modalities}
        )
        self.then = then_fusion(then, modalities, dim, dropout, pool)
        self.out_dim = self.then.out_dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        attended = {
            name: block(tracks[name], joined(tracks[m] for m in self.blocks if m != name))
            for name, block in self.blocks.items()
        }
        return self.then(attended)
