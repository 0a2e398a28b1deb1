"""MulT: a crossmodal transformer for each pair of modalities, then one each (Tsai et al. 2019)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from train.data.masking import Padded
from train.fusions._exchange import Then, pairs, then_fusion
from train.model.attention import AttentionBlock
from train.model.contracts import Pool, by_name

RANGES = {"heads": (1, None), "layers": (1, 8)}
MIN_MODALITIES = 2
ENCODES_STEPS = True


class Fusion(nn.Module):
    """Steps of each modality, as every other one changed them, joined and read by a transformer.

    Then the fusion `then`. Positions are not added: a temporal encoder in front does that.
    """

    def __init__(
        self,
        modalities: Sequence[str],
        dim: int,
        dropout: float,
        pool: Pool,
        *,
        heads: int = 4,
        layers: int = 2,
        then: Then = "concat",
    ) -> None:
        super().__init__()

        def stack() -> nn.ModuleList:
            return nn.ModuleList(AttentionBlock(dim, heads, dropout) for _ in range(layers))

        self.cross = by_name({f"{one}-{other}": stack() for one, other in pairs(modalities)})
        self.joins = by_name(
            {name: nn.Linear((len(modalities) - 1) * dim, dim) for name in modalities}
        )
        self.own = by_name({name: stack() for name in modalities})
        self.then = then_fusion(then, modalities, dim, dropout, pool)
        self.out_dim = self.then.out_dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        return self.then({name: self._read(name, tracks) for name in self.joins})

    def _read(self, name: str, tracks: Mapping[str, Padded]) -> Padded:
        """The steps of a modality as every other one changed them."""
        changed = []
        for other in self.joins:
            if other != name:
                track = tracks[name]
                for block in self.cross[f"{name}-{other}"]:
                    track = block(track, tracks[other])
                changed.append(track.values)
        track = Padded(self.joins[name](torch.cat(changed, dim=2)), tracks[name].mask)
        for block in self.own[name]:
            track = block(track, track)
        return track
