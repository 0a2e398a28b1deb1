"""Cross-modal attention: the steps of each modality attend to those of every other one.

After MulT (Tsai et al. 2019), with one attention per pair. What a modality gathers from the others
is added to its own steps; a missing modality is attended to by none.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from train.data.masking import Padded, attend, zero_padding
from train.fusions._exchange import Then, pairs, then_fusion
from train.model.attention import check_heads
from train.model.contracts import Pool, by_name
from train.model.dropout import Dropout

RANGES = {"heads": (1, None)}
MIN_MODALITIES = 2
ENCODES_STEPS = True


class Fusion(nn.Module):
    """Modalities that have attended to each other; then the fusion `then`."""

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
        check_heads(dim, heads)
        self.norms = by_name({name: nn.LayerNorm(dim) for name in modalities})
        self.attentions = by_name(
            {
                f"{query}-{memory}": nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
                for query, memory in pairs(modalities)
            }
        )
        self.dropout = Dropout(dropout)
        self.then = then_fusion(then, modalities, dim, dropout, pool)
        self.out_dim = self.then.out_dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        clean = {name: zero_padding(tracks[name]) for name in self.norms}
        normed = {
            name: zero_padding(Padded(norm(clean[name].values), clean[name].mask))
            for name, norm in self.norms.items()
        }
        attended = {}
        for name, track in clean.items():
            values = track.values
            for memory in clean:
                if memory != name:
                    attention = self.attentions[f"{name}-{memory}"]
                    gathered = attend(attention, normed[name], normed[memory])
                    values = values + self.dropout(gathered)
            attended[name] = Padded(values, track.mask)
        return self.then(attended)
