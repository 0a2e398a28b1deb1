"""A backbone of random states, as wide and as long as a language model's."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from extract.media.text import Text
from extract.network.backbone import Example, Reading, Window


def prepare(media: Text) -> Example:
    """A seed in place of tokens."""
    return Example((Window(np.array([int(media.own)])),), ((0, 1),))


class Synthetic:
    """Random states `(1, num_steps, dim)` that depend on the utterance only."""

    modality = "text"
    layers = (0,)
    version = 1
    weights_digest = "none"
    rate_hz = None
    first_step_s = None
    reading = Reading(("text",))

    def __init__(self, dim: int, num_steps: int) -> None:
        self.dim = dim
        self.nominal_steps = num_steps
        self.budget = 4 * num_steps
        self.prepare = prepare

    def cost(self, window: Window) -> int:
        return self.nominal_steps

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        shape = (1, self.nominal_steps, self.dim)
        seeds = [int(window.values[0]) for window in windows]
        return [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
