"""Decodes an utterance once and prepares it for several networks; runs in the child process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from extract.backbone import Example, VideoInput
from extract.media.audio import read_audio
from extract.media.clip import Clip
from extract.media.errors import UnreadableError
from extract.media.faces import FaceFinder
from extract.media.frames import Stretch
from extract.media.text import Text
from extract.media.video import Picture, sampled_pictures

# What Python takes for an example and for the span of a token.
OBJECT_BYTES = 2000
SPAN_BYTES = 150


@dataclass(frozen=True)
class Prepared:
    """An utterance that is ready for a network, or the reason why it is not.

    `duration_s` is that of the sound or of the frames; 0 for text.
    """

    example: Example | None = None
    duration_s: float = 0.0
    reason: str = "ok"
    detail: str = ""

    @property
    def num_bytes(self) -> int:
        """About the memory that it takes, spans and objects included."""
        if self.example is None:
            return OBJECT_BYTES
        spans = len(self.example.spans or ()) * SPAN_BYTES
        return OBJECT_BYTES + spans + sum(window.values.nbytes for window in self.example.windows)


def prepared(prepare: Callable[[Any], Example], media: Any, duration_s: float) -> Prepared:
    """Media as one network takes them."""
    try:
        example = prepare(media)
    except UnreadableError as error:
        return Prepared(reason=error.reason, detail=error.detail)
    if not example.windows:
        return Prepared(reason="empty", detail="it has no steps")
    return Prepared(example, duration_s)


def prepare_audio(
    prepares: Sequence[Callable[[Any], Example]],
    path: Path,
    numbers: Sequence[int],
    settings: Mapping[str, Any],
) -> list[Prepared]:
    """A stretch of sound, decoded once, for each of the numbered networks."""
    samples, rate_hz = read_audio(path, **settings)
    duration_s = len(samples) / rate_hz
    return [prepared(prepares[number], (samples, rate_hz), duration_s) for number in numbers]


def prepare_video(
    prepares: Sequence[VideoInput],
    path: Path,
    numbers: Sequence[int],
    stretch: Stretch,
    text: Text | None,
) -> list[Prepared]:
    """A stretch of pictures, decoded once, for each of the numbered networks.

    Pictures are brought to each network's size one by one, so few large ones are held.
    """
    takes = [Take(prepares[number]) for number in numbers]
    rates_hz = [take.prepare.rate_hz for take in takes]
    for picture, counts in sampled_pictures(path, rates_hz, stretch):
        faces: dict[Path, Picture | None] = {}
        for take, count in zip(takes, counts, strict=True):
            if count and take.failed is None:
                take.add(picture, count, faces)
    # One after another, and each one's frames are freed before the next one's are stacked.
    return [takes.pop(0).prepared(text) for _ in numbers]


class Take:
    """The frames that one network takes of a clip, so far."""

    def __init__(self, prepare: VideoInput) -> None:
        self.prepare = prepare
        self.frames: list[Picture] = []
        self.num_faceless = 0
        self.failed: Prepared | None = None

    def add(self, picture: Picture, count: int, faces: dict[Path, Picture | None]) -> None:
        """Take a picture `count` times; `faces` keeps what was found in it for other networks."""
        weights = self.prepare.face_weights
        if weights is not None:
            if weights not in faces:
                faces[weights] = face_finder(weights).cut(picture)
            face = faces[weights]
            self.num_faceless += count * (face is None)
            picture = picture if face is None else face
        try:
            frame = self.prepare.frame(picture)
            if self.frames and frame.shape != self.frames[0].shape:
                raise UnreadableError("undecodable", "its pictures change their size midway")
        except UnreadableError as error:
            self.failed = Prepared(reason=error.reason, detail=error.detail)
            return
        self.frames += [frame] * count

    def prepared(self, text: Text | None) -> Prepared:
        """What the network is given, or why nothing."""
        if self.failed is not None:
            return self.failed
        looked = self.prepare.face_weights is not None
        frames, self.frames = np.stack(self.frames), []
        clip = Clip(frames, self.num_faceless if looked else None, text)
        return prepared(self.prepare, clip, len(frames) / self.prepare.rate_hz)


@cache
def face_finder(weights: Path) -> FaceFinder:
    """The detector of a weights file, loaded once in a process."""
    return FaceFinder(weights)
