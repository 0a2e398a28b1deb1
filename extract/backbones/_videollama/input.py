"""The input of VideoLLaMA3: frames and words."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as tvf
from transformers.models.video_llama_3.video_processing_video_llama_3 import smart_resize

from extract.backbones._text_input import NOWHERE, Span, visible
from extract.backbones._video.frames import SingleFrames
from extract.media.clip import Clip
from extract.media.errors import UnreadableError
from extract.media.shape import Shape
from extract.media.video import Picture
from extract.network.backbone import Example, Window

# The roles of a token in a joint window: layout, video, the utterance's words.
LAYOUT, FRAME, WORD = 0, 1, 2


@dataclass(frozen=True)
class TokenShape:
    """Resizes frames to about `max_tokens` tokens, proportions kept.

    A token is a square of `token_px`. With `square` frames become squares of the largest number of
    tokens, cut out of the middle where they are not square; faces come in all sizes.
    """

    token_px: int
    max_tokens: int
    min_pixels: int
    square: bool

    def __call__(self, picture: Picture) -> Picture:
        """A frame `(H, W, 3)` in its new shape."""
        if self.square:
            side = max(1, int(self.max_tokens**0.5)) * self.token_px
            return Shape(side, (side, side), bicubic=True)(picture)
        height, width, _ = picture.shape
        max_pixels = self.max_tokens * self.token_px**2
        min_pixels = min(self.min_pixels, max_pixels)
        try:
            size = smart_resize(
                height, width, self.token_px, min_pixels=min_pixels, max_pixels=max_pixels
            )
        except ValueError:
            detail = f"a frame of {width} x {height} is too long and narrow for the network"
            raise UnreadableError("undecodable", detail) from None
        pixels = torch.from_numpy(picture).permute(2, 0, 1)
        pixels = tvf.resize(pixels, list(size), interpolation=tvf.InterpolationMode.BICUBIC)
        return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


@dataclass(frozen=True)
class FramesInput(SingleFrames):
    """Frames alone; `grid` says how a frame's tokens are pooled, see videollama.py."""

    shape: TokenShape
    grid: int | None

    def __call__(self, clip: Clip) -> Example:
        return Example(tuple(map(Window, self.runs(clip))), facts=clip.facts(self.cells(clip)))

    def cells(self, clip: Clip) -> int:
        """How many steps a frame has."""
        return self.num_tokens(clip) if self.grid is None else self.grid**2

    def num_tokens(self, clip: Clip) -> int:
        """The tokens of one frame."""
        _, height, width, _ = clip.frames.shape
        return int((height // self.shape.token_px) * (width // self.shape.token_px))


@dataclass(frozen=True)
class JointInput(FramesInput):
    """Frames and words in the order in which the network's processor writes them.

    Each frame begins with its time (``Time 0.5s:``), followed by its tokens; frames are separated
    by commas, and the words come after a line break. Each window of a long clip is followed
    by the words; the track has those after the last window only. A window of more than
    `max_positions` tokens is refused.
    """

    tokenizer: Any
    video_token: int
    max_positions: int

    def __call__(self, clip: Clip) -> Example:
        words, spans = self._words(clip.text.own if clip.text is not None else "")
        cells, runs = self.cells(clip), self.runs(clip)
        windows, first = [], 0
        for frames in runs:
            layout = self._frames(first, len(frames), self.num_tokens(clip))
            tokens = np.concatenate([layout, words], axis=1)
            self._refuse_long(tokens.shape[1])
            first += len(frames)
            last = first == len(clip.frames)
            keep = slice(None) if last else slice(0, len(frames) * cells)
            windows.append(Window(frames, keep, tokens))
        num_steps = len(clip.frames) * cells
        facts = {**clip.facts(cells), "num_video_steps": num_steps}
        return Example(tuple(windows), (NOWHERE,) * num_steps + spans, facts)

    def _refuse_long(self, num_tokens: int) -> None:
        if num_tokens > self.max_positions:
            raise UnreadableError(
                "too-long",
                f"a window of it has {num_tokens} tokens, but the network has {self.max_positions} "
                "positions; lower window_s, rate_hz or max_tokens",
            )

    def _frames(self, first: int, num_frames: int, num_tokens: int) -> NDArray[np.int64]:
        """Tokens and their roles, `(2, N)`, of the frames from number `first` on."""
        rows: list[tuple[int, int]] = []
        for number in range(num_frames):
            time_s = (first + number + 0.5) / self.rate_hz
            label = f"{',' if number else ''}Time {time_s:.1f}s:"
            rows += [(token, LAYOUT) for token in self._encoded(label)["input_ids"]]
            rows += [(self.video_token, FRAME)] * num_tokens
        return np.array(rows).T

    def _words(self, text: str) -> tuple[NDArray[np.int64], tuple[Span, ...]]:
        """The words after a line break as tokens, `(2, N)`, and the span of each word's token."""
        encoded = self._encoded("\n" + text)
        spans = [(max(0, start - 1), end - 1) for start, end in encoded["offset_mapping"]]
        roles = [WORD if end > 0 else LAYOUT for _, end in spans]
        word_spans = tuple(visible(text, span) for span in spans if span[1] > 0)
        return np.array([encoded["input_ids"], roles]), word_spans

    def _encoded(self, text: str) -> Any:
        return self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
