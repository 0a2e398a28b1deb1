"""Low-rank adaptation (LoRA, Hu et al. 2022): a frozen linear layer and a small trained change."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.model.dropout import Dropout


class LowRank(nn.Module):
    """`x W' + (alpha / rank) dropout(x) A' B'`; only A and B are trained. At first B is zero.

    The frozen layer's tensors are shared with it, are moved with the module, and are not part of
    its saved state.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.register_buffer("weight", linear.weight.detach(), persistent=False)
        bias = None if linear.bias is None else linear.bias.detach()
        self.register_buffer("bias", bias, persistent=False)
        self.scale = alpha / rank
        self.dropout = Dropout(dropout)
        self.down = nn.Parameter(torch.empty(rank, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, values: Tensor) -> Tensor:
        change = functional.linear(functional.linear(self.dropout(values), self.down), self.up)
        return functional.linear(values, self.weight, self.bias) + self.scale * change

    def merged(self) -> nn.Linear:
        """One layer that gives the same in evaluation."""
        linear = nn.Linear(self.weight.shape[1], self.weight.shape[0], bias=self.bias is not None)
        with torch.no_grad():
            linear.weight.copy_(self.weight + self.scale * self.up @ self.down)
            if self.bias is not None:
                linear.bias.copy_(self.bias)
        return linear.to(self.weight.device)


def adapt(
    network: nn.Module, targets: list[str], rank: int, alpha: float, dropout: float
) -> list[str]:
    """Replace the linear layers whose names are among `targets`; the full names of those."""
    names = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in targets
    ]
    for name in names:
        parent, _, own = name.rpartition(".")
        linear = network.get_submodule(name)
        assert isinstance(linear, nn.Linear)
        setattr(network.get_submodule(parent), own, LowRank(linear, rank, alpha, dropout))
    return names


def merge(network: nn.Module) -> None:
    """Replace every low-rank change inside by a plain layer with the change in it."""
    for name, module in list(network.named_modules()):
        if isinstance(module, LowRank):
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, module.merged())


def freeze(module: nn.Module) -> None:
    """Make a module's own parameters tensors that are neither trained nor saved with it."""
    for name, parameter in list(module.named_parameters(recurse=False)):
        delattr(module, name)
        module.register_buffer(name, parameter.detach(), persistent=False)
