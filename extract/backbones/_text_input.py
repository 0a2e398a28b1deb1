"""How text networks are given an utterance: tokens, context, windows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.backbone import Example, Window
from extract.media.text import Text
from extract.windows import Windowing

Span = tuple[int, int]
# Special tokens stand for no characters.
NOWHERE: Span = (0, 0)


@dataclass(frozen=True)
class TextInput:
    """Tokenises an utterance's words, with earlier turns in front where there are any.

    The context is the first sequence of a pair and the utterance the second; only the steps of
    the utterance are kept, and of the special tokens, where `special_tokens` says so, the very
    first and those behind the utterance. Beyond `max_tokens` the oldest words of the context go
    first; an utterance that is too long by itself is cut into windows that share a quarter, which
    are its context.
    """

    tokenizer: Any
    max_tokens: int
    special_tokens: bool

    def __call__(self, media: Text) -> Example:
        alone = self._encoded(
            media.own, return_overflowing_tokens=True, stride=self.max_tokens // 4
        )
        windows = [
            self._tokens(alone, number, media.own) for number in range(len(alone["input_ids"]))
        ]
        num_own = int(windows[0].own.sum())
        if num_own == 0:
            return Example((), ())
        if len(windows) > 1:
            return self._cut(windows)
        room = self.max_tokens - num_own - self.tokenizer.num_special_tokens_to_add(pair=True)
        if any(text.strip() for text in media.context) and room > 0:
            return self._joined([self._with_context(media)])
        return self._joined(windows)

    def _with_context(self, media: Text) -> "Tokens":
        self.tokenizer.truncation_side = "left"
        try:
            pair = self._encoded(" ".join(media.context), media.own)
        finally:
            self.tokenizer.truncation_side = "right"
        return self._tokens(pair, 0, media.own)

    def _encoded(self, *texts: str, **settings: Any) -> Any:
        """Encodings of one text, cut where it is too long, or of a pair whose first gives way."""
        return self.tokenizer(
            [texts[0]],
            *([text] for text in texts[1:]),
            truncation="only_first",
            max_length=self.max_tokens,
            return_offsets_mapping=True,
            return_token_type_ids=True,
            **settings,
        )

    def _tokens(self, encoded: Any, number: int, own: str) -> "Tokens":
        sequences = encoded.sequence_ids(number)
        last = max((s for s in sequences if s is not None), default=0)
        return Tokens(
            np.array([encoded["input_ids"][number], encoded["token_type_ids"][number]]),
            np.array([sequence == last for sequence in sequences]),
            np.array([sequence is None for sequence in sequences]),
            tuple(visible(own, span) for span in encoded["offset_mapping"][number]),
        )

    def _cut(self, windows: list["Tokens"]) -> Example:
        """Keep each own token from the window in which it lies nearer to the middle."""
        sizes = [int(window.own.sum()) for window in windows]
        windowing = Windowing(sizes[0], self.max_tokens // 4)
        total = sum(sizes) - (len(sizes) - 1) * windowing.overlap
        for window, cut in zip(windows, windowing.cuts(total), strict=True):
            places = np.flatnonzero(window.own)
            window.own[:] = False
            window.own[places[cut.keep]] = True
        return self._joined(windows)

    def _joined(self, windows: list["Tokens"]) -> Example:
        kept, spans = [], []
        for number, window in enumerate(windows):
            places = np.flatnonzero(window.own)
            if self.special_tokens:
                first = window.special[:1] & (number == 0)
                behind = window.special & (np.arange(len(window.own)) > places[-1])
                behind &= number == len(windows) - 1
                places = np.concatenate([np.flatnonzero(first), places, np.flatnonzero(behind)])
            kept.append(Window(window.ids, places))
            spans += [window.spans[p] if window.own[p] else NOWHERE for p in places]
        return Example(tuple(kept), tuple(spans))


def visible(text: str, span: Span) -> Span:
    """The span without the blanks in front, which some tokenizers count as the token's."""
    start, end = span
    return start + len(text[start:end]) - len(text[start:end].lstrip()), end


@dataclass(frozen=True)
class Tokens:
    """One encoding: ids and types `(2, N)`, which are the utterance's own, which are special."""

    ids: NDArray[np.int64]
    own: NDArray[np.bool_]
    special: NDArray[np.bool_]
    spans: tuple[Span, ...]
