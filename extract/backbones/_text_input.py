"""The input of text networks: tokens, context, windows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.media.text import Text
from extract.network.backbone import Example, Window
from extract.network.windows import Windowing

Span = tuple[int, int]
# The span of special tokens, which have no characters.
NOWHERE: Span = (0, 0)


@dataclass(frozen=True)
class TextInput:
    """Tokenises an utterance's words, with earlier turns in front where there are any.

    The context is the first sequence of a pair and the utterance the second; only the steps of
    the utterance are kept, and with `special_tokens` the first special token and those after the
    utterance; with `keep_context` those of the context, and between the two, as well. The values of
    a window are ids, types, and 1 for what comes from the context (with `keep_context`). Beyond
    `max_tokens` the oldest words of the context are left out first; an utterance that is too long
    by itself is cut into windows that overlap by a quarter, without context; with `first_window`
    the first of them is all that is read, and the fact `num_unread` counts the tokens after it.
    """

    tokenizer: Any
    max_tokens: int
    special_tokens: bool
    keep_context: bool = False
    first_window: bool = False

    def __call__(self, media: Text) -> Example:
        return self.together([media])[0]

    def together(self, texts: Sequence[Text]) -> list[Example]:
        """An Example for each text; the tokenizer is called once for all of them."""
        if not texts:
            return []
        alone = self._windows([text.own for text in texts])
        joined: dict[int, Tokens] = {}
        for place, (text, windows) in enumerate(zip(texts, alone, strict=True)):
            if self._takes_context(text, windows):
                joined[place] = windows[0]
        if joined:
            pairs = self._with_context([texts[place] for place in joined])
            joined = dict(zip(joined, pairs, strict=True))
        return [
            self._example([joined[place]] if place in joined else windows)
            for place, windows in enumerate(alone)
        ]

    def _takes_context(self, text: Text, windows: list["Tokens"]) -> bool:
        """Whether a text is whole in one window, with room for earlier turns."""
        num_own = int(windows[0].own.sum())
        room = self.max_tokens - num_own - self.tokenizer.num_special_tokens_to_add(pair=True)
        has_context = any(earlier.strip() for earlier in text.context)
        return has_context and len(windows) == 1 and num_own > 0 and room > 0

    def _example(self, windows: list["Tokens"]) -> Example:
        if not windows[0].own.any():
            return Example((), ())
        if len(windows) == 1:
            return self._joined(windows)
        if not self.first_window:
            return self._cut(windows)
        num_unread = self._num_tokens(windows) - int(windows[0].own.sum())
        example = self._joined(windows[:1])
        return replace(example, facts={**example.facts, "num_unread": num_unread})

    def _windows(self, texts: list[str]) -> list[list["Tokens"]]:
        """The windows of each text, which overlap by a quarter."""
        encoded = self._encoded(texts, return_overflowing_tokens=True, stride=self.max_tokens // 4)
        windows: list[list[Tokens]] = [[] for _ in texts]
        owners = encoded["overflow_to_sample_mapping"]
        for owner, encoding in zip(owners, encoded.encodings, strict=True):
            windows[owner].append(Tokens.of(encoding, texts[owner]))
        return windows

    def _with_context(self, texts: list[Text]) -> list["Tokens"]:
        """Each text after its earlier turns, as the second sequence of a pair."""
        self.tokenizer.truncation_side = "left"
        try:
            contexts = [" ".join(text.context) for text in texts]
            encoded = self._encoded(contexts, [text.own for text in texts])
        finally:
            self.tokenizer.truncation_side = "right"
        pairs = zip(encoded.encodings, texts, strict=True)
        return [Tokens.of(encoding, text.own) for encoding, text in pairs]

    def _encoded(self, *texts: list[str], **settings: Any) -> Any:
        """Encodings of texts, cut where one is too long, or of pairs, whose first is truncated."""
        return self.tokenizer(
            *texts,
            truncation="only_first",
            max_length=self.max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
            **settings,
        )

    def _cut(self, windows: list["Tokens"]) -> Example:
        """Keep each own token from the window in which it is nearer to the middle."""
        windowing = Windowing(int(windows[0].own.sum()), self.max_tokens // 4)
        cuts = windowing.cuts(self._num_tokens(windows))
        for window, cut in zip(windows, cuts, strict=True):
            places = np.flatnonzero(window.own)
            window.own[:] = False
            window.own[places[cut.keep]] = True
        return self._joined(windows)

    def _num_tokens(self, windows: list["Tokens"]) -> int:
        """The tokens of a text in windows, each counted once."""
        overlap = self.max_tokens // 4
        return sum(int(window.own.sum()) for window in windows) - (len(windows) - 1) * overlap

    def _joined(self, windows: list["Tokens"]) -> Example:
        kept, spans = [], []
        for number, window in enumerate(windows):
            is_kept = window.own.copy()
            numbers = np.arange(len(is_kept))
            if self.special_tokens:
                is_last = number == len(windows) - 1
                is_kept |= window.special & (numbers == 0) & (number == 0)
                is_kept |= window.special & (numbers > np.flatnonzero(window.own)[-1]) & is_last
            if self.keep_context and window.has_context:
                is_kept |= ~window.special | self.special_tokens
            places = np.flatnonzero(is_kept)
            kept.append(Window(np.vstack([window.ids, self._marks(window)]), places))
            spans += [window.spans[p] if window.own[p] else NOWHERE for p in places]
        return Example(tuple(kept), tuple(spans), self._mostly_unknown(windows))

    def _marks(self, window: "Tokens") -> NDArray[np.int64]:
        """1 for kept tokens of the context and the special ones after them, 0 for all others."""
        marks = np.zeros(len(window.own), np.int64)
        if self.keep_context and window.has_context:
            marks[int(window.special[0]) : np.flatnonzero(window.own)[0]] = 1
        return marks

    def _mostly_unknown(self, windows: list["Tokens"]) -> dict[str, int]:
        """The fact `num_unknown` of a text that is mostly unknown to the tokenizer."""
        own = np.concatenate([window.ids[0][window.own] for window in windows])
        num_unknown = int((own == self.tokenizer.unk_token_id).sum())
        return {"num_unknown": num_unknown} if 2 * num_unknown > len(own) else {}


def visible(text: str, span: Span) -> Span:
    """The span without leading blanks, which some tokenizers count as the token's."""
    start, end = span
    if not text[start : start + 1].isspace():
        return span
    return start + len(text[start:end]) - len(text[start:end].lstrip()), end


@dataclass(frozen=True)
class Tokens:
    """One encoding: ids and types `(2, N)`, which are the utterance's own, which are special."""

    ids: NDArray[np.int64]
    own: NDArray[np.bool_]
    special: NDArray[np.bool_]
    spans: tuple[Span, ...]
    has_context: bool

    @classmethod
    def of(cls, encoding: Any, own: str) -> "Tokens":
        """From the encoding of a text, or of a pair whose second is `own`."""
        sequences = encoding.sequence_ids
        last = max((s for s in sequences if s is not None), default=0)
        return cls(
            np.array([encoding.ids, encoding.type_ids]),
            np.array([sequence == last for sequence in sequences]),
            np.array([sequence is None for sequence in sequences]),
            tuple(visible(own, span) for span in encoding.offsets),
            last > 0,
        )
