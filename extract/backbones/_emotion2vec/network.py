"""The network of emotion2vec (Ma et al., ACL 2024), which is data2vec 2.0 for audio.

Convolutions with layer norms, a positional convolution of several layers, extra tokens in front,
and transformer blocks that normalise after each half and encode positions as distances only
(ALiBi; Press et al., ICLR 2022). Padding is zeroed after every positional layer, so a padded batch
gives what each clip gives alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from extract.backbones._speech.encoder import receptive_field


@dataclass(frozen=True)
class Architecture:
    """The sizes of a network; `convolutions` are (width, kernel, stride) of each layer."""

    convolutions: tuple[tuple[int, int, int], ...]
    dim: int
    num_heads: int
    mlp_ratio: float
    norm_eps: float
    num_positional: int
    positional_kernel: int
    positional_groups: int
    num_extra_tokens: int
    num_scales: int
    heads_scaled: bool
    prenet_depth: int
    depth: int


class Convolution(nn.Module):
    """A strided convolution over time, a layer norm and GELU; `(B, D, T)` in and out."""

    def __init__(self, before: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(before, width, kernel, stride=stride, bias=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor) -> Tensor:
        normed = self.norm(self.conv(hidden).transpose(1, 2)).transpose(1, 2)
        return functional.gelu(normed)


class Block(nn.Module):
    """Self-attention and a two-layer network, each followed by a sum and a layer norm."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float, eps: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.fc1 = nn.Linear(dim, round(dim * mlp_ratio))
        self.fc2 = nn.Linear(round(dim * mlp_ratio), dim)
        self.norm2 = nn.LayerNorm(dim, eps=eps)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        queries, keys, values = self.qkv(hidden).unflatten(2, (3, self.num_heads, -1)).unbind(2)
        attended = functional.scaled_dot_product_attention(
            queries.transpose(1, 2),
            keys.transpose(1, 2),
            values.transpose(1, 2),
            attn_mask=bias.to(queries.dtype),
        )
        hidden = self.norm1(hidden + self.proj(attended.transpose(1, 2).flatten(2)))
        normed: Tensor = self.norm2(hidden + self.fc2(functional.gelu(self.fc1(hidden))))
        return normed


class Emotion2VecNetwork(nn.Module):
    """Waveforms to the states of every transformer block."""

    def __init__(self, sizes: Architecture) -> None:
        super().__init__()
        dim, heads = sizes.dim, sizes.num_heads
        widths = [1, *(width for width, _, _ in sizes.convolutions)]
        self.sizes = sizes
        self.biased = True
        self.slopes: Tensor
        self.register_buffer("slopes", torch.tensor(slopes(heads)), persistent=False)
        self.dim, self.num_layers = dim, sizes.prenet_depth + sizes.depth
        _, kernels, strides = zip(*sizes.convolutions, strict=True)
        self.field, self.hop = receptive_field(kernels, strides)
        self.convolutions = nn.Sequential(
            *(
                Convolution(before, *layer)
                for before, layer in zip(widths, sizes.convolutions, strict=False)
            )
        )
        self.project_norm = nn.LayerNorm(widths[-1])
        self.project = nn.Linear(widths[-1], dim)
        kernel, groups = sizes.positional_kernel, sizes.positional_groups
        self.positional = nn.ModuleList(
            nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=groups)
            for _ in range(sizes.num_positional)
        )
        self.extra_tokens = nn.Parameter(torch.randn(1, sizes.num_extra_tokens, dim))
        scaled = heads if sizes.heads_scaled else 1
        self.alibi_scale = nn.Parameter(torch.ones(sizes.num_scales, 1, scaled, 1, 1))
        self.norm = nn.LayerNorm(dim, eps=sizes.norm_eps)
        self.blocks = nn.ModuleList(
            Block(dim, heads, sizes.mlp_ratio, sizes.norm_eps) for _ in range(self.num_layers)
        )

    def convolve(self, waveforms: Tensor, num_samples: Tensor | None = None) -> Tensor:
        """Waveforms `(B, N)` to their steps `(B, T, D)`; each step is normed on its own."""
        steps: Tensor = self.convolutions(waveforms[:, None]).transpose(1, 2)
        return steps

    def forward(self, convolved: Tensor, mask: Tensor, layers: Sequence[int]) -> Tensor:
        """The states of the layers, without the extra tokens; see `SpeechNetwork`."""
        hidden = self.project(self.project_norm(convolved)) * mask[..., None]
        hidden = hidden + self._positions(hidden, mask)
        num_extra = self.extra_tokens.shape[1]
        hidden = torch.cat([self.extra_tokens.expand(len(hidden), -1, -1), hidden], dim=1)
        hidden = self.norm(hidden)
        padding = torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, -math.inf)
        padding = functional.pad(padding, (num_extra, 0))[:, None, None]
        alibi = distances(self.slopes, mask.shape[1])
        alibi = functional.pad(alibi, (num_extra, 0, num_extra, 0))
        scales = self.alibi_scale.clamp_min(0)
        bias = alibi * scales[0] + padding
        states = {0: hidden}
        for number, block in enumerate(self.blocks):
            if number > 0 and len(scales) > 1:
                del bias  # one at a time: it grows with the square of the steps
                bias = alibi * scales[number % len(scales)] + padding
            hidden = block(hidden, bias)
            if number + 1 in layers:
                states[number + 1] = hidden
        return torch.stack([states[layer][:, num_extra:].float() for layer in layers], dim=1)

    def _positions(self, hidden: Tensor, mask: Tensor) -> Tensor:
        position = hidden.transpose(1, 2)
        for conv in self.positional:
            convolved = conv(position)[..., : mask.shape[1]].transpose(1, 2)
            normed = functional.layer_norm(convolved, convolved.shape[-1:])
            position = functional.gelu(normed).transpose(1, 2) * mask[:, None]
        return position.transpose(1, 2)


def distances(head_slopes: Tensor, num_steps: int) -> Tensor:
    """ALiBi `(num_heads, T, T)`: minus the distance of two steps times the slope of each head."""
    steps = torch.arange(num_steps, device=head_slopes.device)
    distance = (steps[None] - steps[:, None]).abs()
    return -distance * head_slopes[:, None, None]


def slopes(num_heads: int) -> Sequence[float]:
    """Powers of 2^(-8/n) for n heads, n a power of two.

    For other n: those of the power of two below, then every second one of the power above.
    """
    below = 2 ** math.floor(math.log2(num_heads))
    first = [2.0 ** (-8 * (head + 1) / below) for head in range(below)]
    return first if below == num_heads else [*first, *slopes(2 * below)[::2][: num_heads - below]]
