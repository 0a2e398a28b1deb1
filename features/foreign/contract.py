"""The contract of a format in features/exchange: what comes out of a foreign file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from features.foreign.outgoing import Outgoing
from features.manifest import NOTHING
from features.store.format import Array

Note = Callable[[str], None]
# What a format may carry besides values and ids.
Carried = Literal["lengths", "labels", "splits", "texts", "layers", "number-format", "times"]
# The field of a file that holds the tracks of one network alone.
TRACK = "track"
# The fields of an item that are not labels but say where it belongs.
PLACES = ("split", "speaker", "session", "dialogue", "turn")
CLASSES = ("emotion", "sentiment", "is_cause", "depression")
# How columns of ids are called in tables of others, in small letters.
ID_NAMES = ("id", "utterance_id", "utt_id", "key", "name", "file", "filename", "path")
NUMBERS = ("valence", "arousal", "dominance", "phq8")


@dataclass(frozen=True, slots=True)
class Item:
    """One utterance of a foreign file.

    `tracks` are arrays by field: `(D,)` for one step, `(T, D)`, or `(L, T, D)`; a file of one
    network has the field ``track``. `label` has fields of Label by name; a class may be a whole
    number where the file does not name it. `reason` says why a track is missing, where that is
    known.
    """

    id: str
    tracks: Mapping[str, Array]
    label: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    text: str | None = None
    reason: str = "absent"


@dataclass(frozen=True)
class Content:
    """The items of a foreign file, one after another, and what it says of all of them.

    `attributes` may have `modality`, `layers`, `rate_hz` and `first_step_s`; where a file does not
    state them, they are not there.
    """

    items: Iterator[Item]
    num_items: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


class Format(Protocol):
    """A file of features/exchange.

    SUFFIXES are the usual endings of its files. `recognises` looks at the content. `read` raises
    ProjectError for a file that is not as it must be; it runs in a child process with a limit on
    its memory (features/foreign/decode.py). Formats that go out have CARRIES, what of a store they
    keep, and `write`, to a path that does not exist; FOLDER is true where that becomes a
    folder, SEVERAL where it takes a store of each modality, NAMED where the ending is needed.
    """

    SUFFIXES: tuple[str, ...]

    def recognises(self, path: Path) -> bool:
        """Whether the content of a file or folder is of this format."""

    def read(self, path: Path, note: Note) -> Content:
        """The content of a file; `note` is told what was recognised, and what is left out."""

    def write(self, outgoing: Outgoing, path: Path) -> None:
        """Write the tracks, as they are iterated, with the labels beside them."""
