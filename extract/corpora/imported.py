"""A corpus read from another tool's feature file: its ids, labels, splits and texts.

`path` is a file or folder below the root, of one of the formats of docs/how-to/exchange.md.
`classes` names labels that the file only numbers, in the order of their numbers (``{emotion:
[neutral, joy]}``); a label that is only numbered and not named is left out. The tracks come from a
backbone of the same file (``code: imported``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from extract.corpus.reader import Note
from extract.media.files.foreign import read_decoded
from features.foreign.records import records
from features.leaves import OneOfLeaves
from features.manifest import Label, Utterance

Format = Annotated[str, OneOfLeaves("features/exchange")]


def read(
    root: Path,
    note: Note,
    *,
    format: Format,
    path: str,
    classes: dict[str, list[str]] | None = None,
) -> Iterator[tuple[Utterance, Label]]:
    """Every utterance of the file, in its order."""
    decoded, _ = read_decoded(root / path, format)
    for line in decoded.notes:
        note(line)
    yield from records(decoded, classes or {}, str(root / path), note)
