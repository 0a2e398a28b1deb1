"""The upper layers of the frozen network itself, tuned on cached states of a lower layer.

The layers below run once, during extraction; only the tuned layers run in training. `from` is the
layer that the store holds, with the special tokens that the network needs. `lora` is the rank of a
low-rank change of the layers named by `targets` (Hu et al. 2022), or ``none`` to train all weights
of the upper layers. `lr` is their own learning rate (None: that of the head), of which each lower
layer has `layer_decay` times that of the one above.
"""

import copy
from collections.abc import Iterator
from typing import Any, Literal

from torch import nn

from features.errors import ProjectError
from train.data.masking import Padded, zero_padding
from train.model.dropout import Dropout
from train.model.low_rank import LowRank, adapt, freeze, merge

TAKES_NETWORK = True
RANGES = {
    "from": (0, 1000),
    "lora": (1, None),
    "alpha": (0, None),
    "lr": (0, 1),
    "layer_decay": (0.01, 1),
}
# The queries and values of the library's networks, as in the paper.
QUERIES_AND_VALUES = ["query", "value", "q_lin", "v_lin", "q_proj", "v_proj"]


class Temporal(nn.Module):
    """`(B, T, D of the network)` to `(B, T, dim)`: the upper layers, then a projection.

    Steps may have one column more, which is 1 for those of earlier turns: the layers read these,
    and what they give is masked. `network` is an `Upper` and a module.
    """

    def __init__(
        self,
        dim: int,
        dropout: float,
        network: Any,
        *,
        from_: int = 0,
        lora: int | Literal["none"] = 8,
        alpha: float = 16.0,
        targets: list[str] | None = None,
        lr: float | None = None,
        layer_decay: float = 1.0,
    ) -> None:
        super().__init__()
        self.lr, self.layer_decay, self.max_steps = lr, layer_decay, network.max_steps
        if lora == "none":
            self.network = copy.deepcopy(network).requires_grad_(True)
        else:
            self.network = sharing_tensors(network)
            adapt_only(self.network, targets, lora, alpha, dropout)
        with_own_dropout(self.network)
        self.project = nn.Sequential(
            Dropout(dropout), nn.Linear(network.dim, dim), nn.LayerNorm(dim), nn.GELU()
        )

    def forward(self, track: Padded) -> Padded:
        clean = zero_padding(track)
        num_steps = clean.mask.shape[1]
        if num_steps > self.max_steps:
            raise ProjectError(
                f"a track has {num_steps} steps, but the network takes {self.max_steps} at once: "
                "its states come from several windows, on which upper layers cannot be run. Split "
                "such utterances, or read them with frozen layers"
            )
        own = clean.mask
        if clean.values.shape[2] == self.network.dim + 1:
            own = own & (clean.values[..., -1] < 0.5)
        states = self.network(clean.values[..., : self.network.dim], clean.mask)
        return zero_padding(Padded(self.project(states), own))

    def learning_rates(self, lr: float) -> Iterator[tuple[float, list[nn.Parameter]]]:
        """Its parameters with their learning rates, where `lr` is that of the head."""
        layers = list(self.network.layers)
        own = lr if self.lr is None else self.lr
        for number, layer in enumerate(layers):
            trained = [p for p in layer.parameters() if p.requires_grad]
            yield own * self.layer_decay ** (len(layers) - 1 - number), trained
        in_layers = {id(p) for layer in layers for p in layer.parameters()}
        rest = [p for p in self.network.parameters() if id(p) not in in_layers]
        yield own, rest
        yield lr, list(self.project.parameters())

    def merge(self) -> None:
        """Take the low-rank changes into the weights, for evaluation."""
        merge(self.network)


def adapt_only(
    network: nn.Module, targets: list[str] | None, rank: int, alpha: float, dropout: float
) -> None:
    """Leave only low-rank changes of the layers `targets` (None: queries and values) to be trained.

    Raises ValueError where the network has no layer of one of these names.
    """
    modules = network.named_modules()
    linear = sorted({n.rpartition(".")[2] for n, m in modules if isinstance(m, nn.Linear)})
    usual = [name for name in QUERIES_AND_VALUES if name in linear] or QUERIES_AND_VALUES
    wanted = usual if targets is None else targets
    if not wanted or not set(wanted) <= set(linear):
        raise ValueError(f"targets is {wanted}; the linear layers of the network are {linear}")
    adapt(network, wanted, rank, alpha, dropout)
    for module in network.modules():
        if not isinstance(module, LowRank):
            freeze(module)


def with_own_dropout(network: nn.Module) -> None:
    """Replace its dropout by one that is fast on a CPU."""
    for name, module in list(network.named_modules()):
        if type(module) is nn.Dropout:
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, Dropout(module.p))


def sharing_tensors(network: nn.Module) -> Any:
    """A copy with modules of its own and the tensors of the original."""
    tensors = (*network.parameters(), *network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
