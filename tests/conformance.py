"""What every frozen network is held to, at any size."""

import numpy as np
import torch

from extract.backbone import Backbone, Window
from extract.compute import CPU
from extract.media.text import Text

MAX_RELATIVE = 1e-5
MAX_ABSOLUTE_OVER_RMS = 1e-4


def media(modality: str, length: int, random: np.random.Generator) -> object:
    """Made-up media of a length: words, samples or frames."""
    if modality == "text":
        return Text(" ".join(random.choice(list("abcdefg"), size=max(1, length))))
    if modality == "audio":
        return random.normal(0, 0.1, 400 + 700 * length).astype(np.float32), 16_000
    return random.integers(0, 255, (length, 18, 24, 3), dtype=np.uint8)


def windows(backbone: Backbone, count: int = 24, longest: int = 40) -> list[Window]:
    """Prepared windows of random lengths."""
    random = np.random.default_rng(1)
    prepared = [
        backbone.prepare(media(backbone.modality, int(n), random))
        for n in random.integers(1, longest, count)
    ]
    return [window for example in prepared for window in example.windows]


def assert_same(track: torch.Tensor, reference: torch.Tensor) -> None:
    """The bounds within which two runs of a network say the same."""
    assert track.shape == reference.shape
    rms = reference.square().mean().sqrt()
    assert float((track - reference).norm() / reference.norm()) <= MAX_RELATIVE
    assert float((track - reference).abs().max()) <= MAX_ABSOLUTE_OVER_RMS * float(rms)


def assert_neighbours_never_matter(backbone: Backbone, many: list[Window]) -> None:
    """Alone against five plans: batches of other sizes, in another order each."""
    with CPU.running():
        alone = [backbone.encode([window])[0] for window in many]
        random = np.random.default_rng(2)
        for size in (2, 3, 5, 8, len(many)):
            order = random.permutation(len(many))
            for start in range(0, len(many), size):
                rows = order[start : start + size]
                for row, track in zip(rows, backbone.encode([many[r] for r in rows]), strict=True):
                    assert_same(track, alone[row])


def assert_repeatable(backbone: Backbone, many: list[Window]) -> None:
    """The same plan twice gives the same bits."""
    with CPU.running():
        for first, second in zip(backbone.encode(many), backbone.encode(many), strict=True):
            assert torch.equal(first, second)
