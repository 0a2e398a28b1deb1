"""Convolutions in groups as matrix products, for a GPU.

The positional convolution of wav2vec 2.0 and its relatives is 128 steps wide, in 16 groups. cuDNN
runs it by Fourier transforms, which took half of the time of wav2vec2-base on an H100, though it is
a twentieth of its operations.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from extract.network.compute import Compute

# Steps that are computed by one row of a product: more of them copy the input less often and make
# the weights larger.
BLOCK = 4
# Groups that are multiplied in one call; the rows of all are 33 times as large as the input.
TOGETHER = 4


class GroupedProduct(nn.Module):
    """A convolution in groups, of stride 1: the same sums in another order.

    A row of the product is the input of BLOCK steps, one after another; the weights of a group are
    repeated for each of these steps, shifted.
    """

    weights: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self.kernel, self.padding = conv.kernel_size[0], int(conv.padding[0])
        out_channels, width, _ = conv.weight.shape
        by_group = conv.weight.reshape(conv.groups, -1, width, self.kernel)
        shape = (conv.groups, self.kernel + BLOCK - 1, width, BLOCK, out_channels // conv.groups)
        weights = torch.zeros(shape, dtype=conv.weight.dtype, device=conv.weight.device)
        for shift in range(BLOCK):
            weights[:, shift : shift + self.kernel, :, shift] = by_group.permute(0, 3, 2, 1)
        self.register_buffer("weights", weights.flatten(3).flatten(1, 2))
        bias = conv.bias if conv.bias is not None else weights.new_zeros(out_channels)
        self.register_buffer(
            "bias", bias.reshape(conv.groups, 1, -1).repeat(1, BLOCK, 1).flatten(1)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """`(B, C, T)` to `(B, C, T')`, as the convolution."""
        groups, span = len(self.weights), self.kernel + BLOCK - 1
        batch, channels, steps = hidden.shape
        steps_out = steps + 2 * self.padding - self.kernel + 1
        blocks = -(-steps_out // BLOCK)
        right = (blocks - 1) * BLOCK + span - steps - self.padding
        padded = functional.pad(hidden.transpose(1, 2), (0, 0, self.padding, right))
        width = channels // groups
        sums = []
        for first in range(0, groups, TOGETHER):
            some = padded[:, :, first * width : (first + TOGETHER) * width]
            rows = some.unfold(1, span, BLOCK).unflatten(2, (-1, width)).permute(2, 0, 1, 4, 3)
            weights = self.weights[first : first + TOGETHER]
            product = torch.baddbmm(
                self.bias[first : first + TOGETHER, None],
                rows.reshape(len(weights), batch * blocks, -1),
                weights,
            )
            sums.append(product.view(len(weights), batch, blocks * BLOCK, -1))
        outputs = torch.cat(sums)[:, :, :steps_out]
        return outputs.permute(1, 0, 3, 2).reshape(batch, -1, steps_out)


def use_grouped_products(network: nn.Module, compute: Compute) -> None:
    """Replace every convolution in groups of several channels in a frozen network."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv1d) and _is_replaceable(child):
                product = GroupedProduct(child)
                if compute.dtype == "bfloat16":
                    product.to(torch.bfloat16)
                setattr(parent, name, product)


def _is_replaceable(conv: nn.Conv1d) -> bool:
    plain = conv.stride == (1,) and conv.dilation == (1,) and conv.padding_mode == "zeros"
    return plain and 1 < conv.groups < conv.in_channels and not isinstance(conv.padding, str)
