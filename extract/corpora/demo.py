"""The demo corpus as extract/synthetic/demo.py writes it."""

from collections.abc import Iterator
from pathlib import Path

from extract.corpus.reader import Note
from features.manifest import Label, Utterance
from features.tables.table import read_table

SHARED_UNDER = "made by Permafrost, Apache-2.0"

TABLE = "utterances.csv"
COLUMNS = (
    *("id", "split", "dialogue", "turn", "speaker", "text", "audio", "video"),
    *("emotion", "sentiment", "valence", "arousal", "dominance", "cause", "phq8"),
)


def read(root: Path, note: Note) -> Iterator[tuple[Utterance, Label]]:
    """Utterances with text, voice and face; labels for every task the project has."""
    for row in read_table(root / TABLE, "the table of the demo corpus", note, COLUMNS).rows:
        utterance = Utterance(
            id=row.text("id"),
            text=row.optional("text"),
            audio=row.optional("audio"),
            video=row.optional("video"),
            speaker=row.text("speaker"),
            dialogue=row.text("dialogue"),
            turn=row.integer("turn"),
        )
        cause = row.optional("cause")
        label = Label(
            id=utterance.id,
            split=row.text("split"),  # type: ignore[arg-type]
            emotion=row.text("emotion"),
            sentiment=row.text("sentiment"),
            valence=row.number("valence"),
            arousal=row.number("arousal"),
            dominance=row.number("dominance"),
            causes=() if cause is None else (cause,),
            phq8=row.number("phq8"),
        )
        yield utterance, label
