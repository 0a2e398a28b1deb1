"""Decodes an utterance once and prepares it for several networks; runs in the child process."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from extract.media.audio import read_recording
from extract.media.clip import Clip
from extract.media.errors import (
    MAX_CLIP_BYTES,
    EmptyStretchError,
    UnreadableError,
    refuse_large,
)
from extract.media.faces import FaceFinder
from extract.media.frames import Stretch
from extract.media.text import Text
from extract.media.video import Picture, sampled_pictures
from extract.network.backbone import Example, VideoInput

# Bytes that Python needs for an example, and for the span of a token.
OBJECT_BYTES = 2000
SPAN_BYTES = 150


@dataclass(frozen=True)
class Prepared:
    """An utterance that is ready for a network, or the reason why it is not.

    `duration_s` is that of the audio or of the frames; 0 for text.
    """

    example: Example | None = None
    duration_s: float = 0.0
    reason: str = "ok"
    detail: str = ""

    @property
    def num_bytes(self) -> int:
        """The approximate memory that it takes, spans and objects included."""
        if self.example is None:
            return OBJECT_BYTES
        spans = len(self.example.spans or ()) * SPAN_BYTES
        return OBJECT_BYTES + spans + sum(window.values.nbytes for window in self.example.windows)


def try_prepare(prepare: Callable[[], Example], duration_s: float) -> Prepared:
    """The example that `prepare` returns, or the reason why there is none."""
    try:
        example = prepare()
    except UnreadableError as error:
        return Prepared(reason=error.reason, detail=error.detail)
    if not example.windows:
        return Prepared(reason="empty", detail="it has no steps")
    return Prepared(example, duration_s)


def joined(examples: Sequence[Example], texts: Sequence[str] | None = None) -> Example:
    """The segments of an utterance as one: their windows and steps one after another.

    Spans count in the segments' `texts`, joined by line breaks. Facts are sums; how many steps a
    moment has is the same in all.
    """
    if len(examples) == 1:
        return examples[0]
    spans: list[tuple[int, int]] = []
    facts: Counter[str] = Counter()
    offset = 0
    for number, example in enumerate(examples):
        spans += [(start + offset, end + offset) for start, end in example.spans or ()]
        offset += 0 if texts is None else len(texts[number]) + 1
        facts.update({name: count for name, count in example.facts.items() if name != "cells"})
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
    """The stretches of an audio file, each decoded once, for each of the numbered networks."""
    recordings = []
    for start_s, end_s in stretches:
        try:
            recordings.append(read_recording(path, start_s, end_s, **settings))
        except EmptyStretchError:
            # A turn after the end of the file; a whole utterance without audio is a failure.
            if len(stretches) == 1:
                raise
    duration_s = sum(len(recording.samples) / recording.rate_hz for recording in recordings)
    facts = {"num_lost_segments": len(stretches) - len(recordings)} if len(stretches) > 1 else {}
    num_silent = sum(recording.is_silent for recording in recordings)
    if num_silent:  # only then, so that other stores keep their bytes
        facts["num_silent"] = num_silent

    def prepare(number: int) -> Example:
        example = joined([prepares[number]((r.samples, r.rate_hz)) for r in recordings])
        return replace(example, facts={**example.facts, **facts})

    return [try_prepare(partial(prepare, number), duration_s) for number in numbers]


def prepare_video(
    prepares: Sequence[VideoInput],
    path: Path,
    numbers: Sequence[int],
    stretches: Sequence[Stretch],
    text: Text | None,
) -> list[Prepared]:
    """The stretches of a video, each decoded once, for each of the numbered networks."""
    by_stretch = [_prepare_stretch(prepares, path, numbers, stretch, text) for stretch in stretches]
    if len(by_stretch) == 1:
        return by_stretch[0]
    return [_joined_segments(segments) for segments in zip(*by_stretch, strict=True)]


def _joined_segments(segments: Sequence[Prepared]) -> Prepared:
    """One network's segments as one, or the first failure among them."""
    for segment in segments:
        if segment.example is None and segment.reason != "empty":
            return segment
    whole = joined([segment.example for segment in segments if segment.example is not None])
    return try_prepare(lambda: whole, sum(segment.duration_s for segment in segments))


def _prepare_stretch(
    prepares: Sequence[VideoInput],
    path: Path,
    numbers: Sequence[int],
    stretch: Stretch,
    text: Text | None,
) -> list[Prepared]:
    """Frames are resized for each network one by one, so few large ones are in memory."""
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
        self.num_bytes = 0
        self.num_faceless = 0
        self.failed: Prepared | None = None

    def add(self, picture: Picture, count: int, faces: dict[Path, Picture | None]) -> None:
        """Take a frame `count` times; `faces` keeps the face found in it for other networks."""
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
                raise UnreadableError("undecodable", "its frames change size midway")
            self.num_bytes += frame.nbytes * count
            refuse_large(self.num_bytes, MAX_CLIP_BYTES, "bytes of frames or more")
        except UnreadableError as error:
            self.failed = Prepared(reason=error.reason, detail=error.detail)
            self.frames.clear()
            return
        self.frames += [frame] * count

    def prepared(self, text: Text | None) -> Prepared:
        """The clip as the network takes it, or the reason why it cannot."""
        if self.failed is not None:
            return self.failed
        finds_faces = self.prepare.face_weights is not None
        frames = np.empty((len(self.frames), *self.frames[0].shape), np.uint8)
        self.frames.reverse()
        for place in frames:
            place[...] = self.frames.pop()  # freed one by one: a clip is never in memory twice
        clip = Clip(frames, self.num_faceless if finds_faces else None, text)
        return try_prepare(lambda: self.prepare(clip), len(frames) / self.prepare.rate_hz)


@cache
def face_finder(weights: Path) -> FaceFinder:
    """The detector of a weights file, loaded once in a process."""
    return FaceFinder(weights)
