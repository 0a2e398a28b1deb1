"""An utterance's text, with what was said before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from features.manifest import Utterance


@dataclass(frozen=True)
class Text:
    """The words of an utterance, and those of earlier turns of its dialogue, oldest first."""

    own: str
    context: tuple[str, ...] = ()


def context_texts(manifest: Sequence[Utterance], num_turns: int) -> dict[str, tuple[str, ...]]:
    """By utterance id, the texts of up to `num_turns` turns before it in its dialogue.

    Turns without a text are passed over; utterances without a dialogue have no context.
    """
    texts: dict[str, tuple[str, ...]] = {}
    for dialogue, group in groupby(manifest, key=lambda utterance: utterance.dialogue):
        earlier: list[str] = []
        for utterance in group:
            known = dialogue is not None and num_turns > 0
            texts[utterance.id] = tuple(earlier[-num_turns:]) if known else ()
            if utterance.text is not None:
                earlier.append(utterance.text)
    return texts
