"""Fine-grained interaction: each token is compared with the frames most similar to it.

The steps of one modality are aligned with those of another by a learned affinity, and both are
compared number by number, as in ESIM (Chen et al. 2017).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from train.data.masking import Padded, masked_softmax, zero_padding
from train.fusions._exchange import Then, pairs, then_fusion
from train.model.contracts import Pool
from train.model.dropout import Dropout

MIN_MODALITIES = 2
ENCODES_STEPS = True


class Fusion(nn.Module):
    """Steps compared with aligned steps of the other modalities; then the fusion `then`."""

    def __init__(
        self,
        modalities: Sequence[str],
        dim: int,
        dropout: float,
        pool: Pool,
        *,
        then: Then = "concat",
    ) -> None:
        super().__init__()
        names = [f"{one}-{other}" for one, other in pairs(modalities)]
        self.affinities = nn.ModuleDict({n: nn.Linear(dim, dim, bias=False) for n in names})
        self.comparisons = nn.ModuleDict(
            {n: nn.Sequential(nn.Linear(4 * dim, dim), nn.GELU(), Dropout(dropout)) for n in names}
        )
        self.then = then_fusion(then, modalities, dim, dropout, pool)
        self.modalities = list(modalities)
        self.out_dim = self.then.out_dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        clean = {name: zero_padding(tracks[name]) for name in self.modalities}
        compared = {}
        for name, track in clean.items():
            values = track.values
            for other in clean:
                if other != name:
                    values = values + self._compare(f"{name}-{other}", track, clean[other])
            compared[name] = Padded(values, track.mask)
        return self.then(compared)

    def _compare(self, pair: str, track: Padded, other: Padded) -> Tensor:
        """Each step compared with those of another modality, zeros where it is missing."""
        queries = self.affinities[pair](track.values)
        scores = torch.einsum("bid,bjd->bji", queries, other.values) / queries.shape[2] ** 0.5
        aligned = torch.einsum("bji,bjd->bid", masked_softmax(scores, other.mask), other.values)
        own = track.values
        compared = self.comparisons[pair](
            torch.cat([own, aligned, own - aligned, own * aligned], dim=2)
        )
        return torch.where(other.present[:, None, None], compared, 0.0)
