"""Dropout whose random numbers do not take most of a training on a CPU."""

import numpy as np
import torch
from torch import Tensor, nn

# A probability is a whole number of these: 16 bits of the generator decide for a value.
STEPS = 2**16


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, on a CPU from a generator of numpy's that torch's own generator seeds.

    On a CPU torch draws one number after another, which took a third of an epoch of a small head.
    What is kept is scaled by the probability as it is in 16 bits, so that the mean stays the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The same shape; every value is zero with the probability `p`, in training."""
        num_dropped = round(self.p * STEPS)
        if not self.training or num_dropped == 0:
            return input
        if input.device.type != "cpu":
            return super().forward(input)
        if num_dropped == STEPS:
            return input * 0.0
        seed = int(torch.randint(2**62, ()))
        numbers = np.random.SFC64(seed).random_raw(-(-input.numel() // 4)).view(np.uint16)
        # As bytes: torch takes seven times as long to make numbers of truth values.
        kept = torch.from_numpy((numbers[: input.numel()] >= num_dropped).view(np.uint8))
        scale = STEPS / (STEPS - num_dropped)
        return input * kept.to(input.dtype).mul_(scale).view(input.shape)
