"""What tests of every frozen network share: made-up media, exact batches, repeatability."""

import atexit
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from extract.media.clip import Clip
from extract.media.rows import FeatureRows
from extract.media.text import Text
from extract.network.backbone import Backbone, Window
from extract.network.compute import CPU, Compute
from features.manifest import MODALITIES

MAX_RELATIVE = 1e-5
MAX_ABSOLUTE_OVER_RMS = 1e-4


def media(backbone: Backbone, length: int, random: np.random.Generator) -> object:
    """Made-up media of a length: words, samples, frames with words, or rows of a file."""
    if backbone.reading.modalities[0] not in MODALITIES:
        return rows(random.normal(size=(length, backbone.dim)))
    if backbone.modality == "audio":
        return random.normal(0, 0.1, 400 + 700 * length).astype(np.float32), 16_000
    if backbone.modality == "text":
        return words(length, random)
    pictures = random.integers(0, 255, (length, 18, 24, 3), dtype=np.uint8)
    return clip(backbone, pictures, words(length, random))


def rows(values: Any) -> FeatureRows:
    """Ready-made features in a file of their own."""
    file = tempfile.NamedTemporaryFile(suffix=".npy", delete=False)  # noqa: SIM115
    atexit.register(Path(file.name).unlink)
    np.save(file.name, values)
    file.close()
    return FeatureRows(Path(file.name), file.name, "u", 0, 1)


def words(count: int, random: np.random.Generator) -> Text:
    """Letters for words."""
    return Text(" ".join(random.choice(list("abcdefg"), size=max(1, count))))


def clip(backbone: Backbone, pictures: Any, text: Text | None = None) -> Clip:
    """Frames `(T, H, W, 3)` as the backbone's own `prepare` takes them."""
    prepare: Any = backbone.prepare
    return Clip(np.stack([prepare.frame(picture) for picture in pictures]), None, text)


def windows(backbone: Backbone, count: int = 24, longest: int = 40) -> list[Window]:
    """Prepared windows of random lengths."""
    random = np.random.default_rng(1)
    prepared = [
        backbone.prepare(media(backbone, int(n), random))
        for n in random.integers(1, longest, count)
    ]
    return [window for example in prepared for window in example.windows]


def errors(track: torch.Tensor, reference: torch.Tensor) -> tuple[float, float]:
    """How far a track is from another: ‖a-b‖/‖b‖, and max|a-b| over the root mean square of b."""
    assert track.shape == reference.shape
    difference = track - reference
    relative = float(difference.norm() / reference.norm())
    return relative, float(difference.abs().max() / reference.square().mean().sqrt())


def is_same(track: torch.Tensor, reference: torch.Tensor) -> bool:
    """Whether a track has the shape of another and is within the bounds of it."""
    if track.shape != reference.shape:
        return False
    relative, absolute = errors(track, reference)
    return relative <= MAX_RELATIVE and absolute <= MAX_ABSOLUTE_OVER_RMS


def assert_same(track: torch.Tensor, reference: torch.Tensor) -> None:
    """The bounds within which two runs of a network are equal."""
    assert is_same(track, reference)


def neighbour_errors(
    backbone: Backbone, many: list[Window], compute: Compute = CPU
) -> tuple[float, float]:
    """The worst errors of five plans (other sizes, other orders) against each window alone."""
    worst = [(0.0, 0.0)]
    with compute.running():
        alone = [backbone.encode([window])[0] for window in many]
        random = np.random.default_rng(2)
        for size in (2, 3, 5, 8, len(many)):
            order = random.permutation(len(many))
            for start in range(0, len(many), size):
                rows = order[start : start + size]
                tracks = backbone.encode([many[row] for row in rows])
                worst += [errors(t, alone[row]) for t, row in zip(tracks, rows, strict=True)]
    relative, absolute = zip(*worst, strict=True)
    return max(relative), max(absolute)


def assert_neighbours_never_matter(backbone: Backbone, many: list[Window]) -> None:
    """A track is the same alone and in any batch."""
    relative, absolute = neighbour_errors(backbone, many)
    assert relative <= MAX_RELATIVE and absolute <= MAX_ABSOLUTE_OVER_RMS


def assert_repeatable(backbone: Backbone, many: list[Window]) -> None:
    """The same plan twice gives the same bits."""
    with CPU.running():
        for first, second in zip(backbone.encode(many), backbone.encode(many), strict=True):
            assert torch.equal(first, second)
