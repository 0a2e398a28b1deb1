"""An utterance's text, with the turns before it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """The words of an utterance, and those of earlier turns of its dialogue, oldest first."""

    own: str
    context: tuple[str, ...] = ()
