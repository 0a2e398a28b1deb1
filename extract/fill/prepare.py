"""Decodes an utterance once and prepares it for several networks; runs in the child process."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from extract.media.audio import read_audio
from extract.media.clip import Clip
from extract.media.errors import EmptyStretchError, UnreadableError
from extract.media.faces import FaceFinder
from extract.media.frames import Stretch
from extract.media.text import Text
from extract.media.video import Picture, sampled_pictures
from extract.network.backbone import Example, VideoInput

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


def prepared(prepare: Callable[[], Example], duration_s: float) -> Prepared:
    """What one network is given, or why nothing."""
    try:
        example = prepare()
    except UnreadableError as error:
        return Prepared(reason=error.reason, detail=error.detail)
    if not example.windows:
        return Prepared(reason="empty", detail="it has no steps")
    return Prepared(example, duration_s)


def joined(examples: Sequence[Example], said: Sequence[str] | None = None) -> Example:
    """The segments of an utterance as one: their windows and steps one after another.

    Spans count in the segments' texts `said`, put together with line breaks. Facts are sums; how
    many steps a moment has is the same in all.
    """
    if len(examples) == 1:
        return examples[0]
    spans: list[tuple[int, int]] = []
    facts: Counter[str] = Counter()
    offset = 0
    for number, example in enumerate(examples):
        spans += [(start + offset, end + offset) for start, end in example.spans or ()]
        offset += 0 if said is None else len(said[number]) + 1
        facts.update({name: told for name, told in example.facts.items() if name != "cells"})
    cells = {e.facts["cells"] for e in examples if "cells" in e.facts}
    return Example(
        tuple(window for example in examples for window in example.windows),
        tuple(spans) if any(example.spans is not None for example in examples) else None,
        {**facts, "cells": max(cells)} if cells else dict(facts),
    )


def prepare_audio(
    prepares: Sequence[Callable[[Any], Example]],
    path: Path,
    numbers: Sequence[int],
    stretches: Sequence[tuple[float | None, float | None]],
    settings: Mapping[str, Any],
) -> list[Prepared]:
    """The stretches of a sound that count, each decoded once, for each of the numbered networks."""
    sounds = []
    for start_s, end_s in stretches:
        try:
            sounds.append(read_audio(path, start_s, end_s, **settings))
        except EmptyStretchError:
            # A turn behind the end of the recording; a whole utterance without sound is a failure.
            if len(stretches) == 1:
                raise
    duration_s = sum(len(samples) / rate_hz for samples, rate_hz in sounds)
    lost = {"num_lost_segments": len(stretches) - len(sounds)} if len(stretches) > 1 else {}

    def together(number: int) -> Example:
        example = joined([prepares[number](sound) for sound in sounds])
        return replace(example, facts={**example.facts, **lost})

    return [prepared(partial(together, number), duration_s) for number in numbers]


def prepare_video(
    prepares: Sequence[VideoInput],
    path: Path,
    numbers: Sequence[int],
    stretches: Sequence[Stretch],
    text: Text | None,
) -> list[Prepared]:
    """The stretches of a film that count, each decoded once, for each of the numbered networks."""
    found = [_prepare_stretch(prepares, path, numbers, stretch, text) for stretch in stretches]
    if len(found) == 1:
        return found[0]
    return [_put_together(each) for each in zip(*found, strict=True)]


def _put_together(found: Sequence[Prepared]) -> Prepared:
    """One network's segments; the first that failed is the reason why there is nothing."""
    for one in found:
        if one.example is None and one.reason != "empty":
            return one
    whole = joined([one.example for one in found if one.example is not None])
    return prepared(lambda: whole, sum(one.duration_s for one in found))


def _prepare_stretch(
    prepares: Sequence[VideoInput],
    path: Path,
    numbers: Sequence[int],
    stretch: Stretch,
    text: Text | None,
) -> list[Prepared]:
    """Pictures are brought to each network's size one by one, so few large ones are held."""
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
        return prepared(lambda: self.prepare(clip), len(frames) / self.prepare.rate_hz)


@cache
def face_finder(weights: Path) -> FaceFinder:
    """The detector of a weights file, loaded once in a process."""
    return FaceFinder(weights)
