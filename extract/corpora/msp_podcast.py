"""MSP-Podcast (Lotfian and Busso 2019): turns of podcasts with crowd labels. Gated by licence.

The root holds ``labels_consensus.csv`` (or ``Labels/labels_consensus.csv``), the turns in
``Audios/`` and, optionally, transcripts in ``Transcripts/``. The sizes change from release to
release; `release` says which one this is. `test` is the test set that is used; the turns
of the others are left out. Valence, arousal and dominance run from 1 to 7. With
``labels_detailed.csv`` beside the consensus the turns have the votes of the workers (their primary
emotion).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from extract.corpora._votes import Votes, counted
from extract.corpus.reader import Expected, Note
from features.manifest import Label, Split, Utterance
from features.tables.characters import without_blanks
from features.tables.encodings import read_lines
from features.tables.row import Row
from features.tables.table import read_table

EMOTIONS = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprised",
    "F": "fearful",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
}
DETAILED = "labels_detailed.csv"
# The primary emotions of single workers; any other word is a vote for none of the classes.
OTHER = "other"
WORKERS_WORDS = {
    "Angry": "angry",
    "Sad": "sad",
    "Happy": "happy",
    "Surprise": "surprised",
    "Fear": "fearful",
    "Disgust": "disgust",
    "Contempt": "contempt",
    "Neutral": "neutral",
}
COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Split_Set")
# How many turns a release has, where that is known.
SIZES = {"2.0": 264_705}
SPLITS: dict[str, Split] = {"Train": "train", "Development": "dev"}


def expected(*, release: str, test: Literal["Test1", "Test2"] = "Test1") -> Expected:
    """Nothing: counts differ between releases; `read` checks the total where it is known."""
    return {}


def read(
    root: Path, note: Note, *, release: str, test: Literal["Test1", "Test2"] = "Test1"
) -> Iterator[tuple[Utterance, Label]]:
    """Turns of the training split, the dev set and `test`; an unknown speaker is None."""
    table = root / "Labels" / "labels_consensus.csv"
    table = table if table.exists() else root / table.name
    rows = read_table(table, "the consensus labels of MSP-Podcast", note, COLUMNS).rows
    if release in SIZES and len(rows) != SIZES[release]:
        note(
            f"release {release} has {SIZES[release]} turns, of which {len(rows)} are labelled; "
            "Test3 may have no labels"
        )
    splits: dict[str, Split] = {**SPLITS, test: "test"}
    left_out = Counter(
        row.text("Split_Set") for row in rows if row.optional("Split_Set") not in splits
    )
    for name, count in sorted(left_out.items()):
        note(f"{count} turns of {name} are left out; the test set is {test}")
    votes = _votes(table.with_name(DETAILED), note)
    for row in rows:
        if (name := row.text("Split_Set")) in splits:
            yield _entry(root, row, splits[name], votes, note)


def _votes(table: Path, note: Note) -> dict[str, Votes | None]:
    """The votes for each turn by file name; empty if the table of single workers is missing."""
    if not table.is_file():
        note(f"{table.name} is missing: the turns have no worker votes")
        return {}
    chosen: defaultdict[str, list[str]] = defaultdict(list)
    columns = ("FileName", "EmoClass_Major")
    for row in read_table(table, "the labels of single workers", note, columns).rows:
        word = row.optional("EmoClass_Major")
        if word is not None:
            chosen[row.text("FileName")].append(WORKERS_WORDS.get(word, OTHER))
    return {name: counted(names) for name, names in chosen.items()}


def _entry(
    root: Path, row: Row, split: Split, votes: Mapping[str, Votes | None], note: Note
) -> tuple[Utterance, Label]:
    file = row.text("FileName")
    name = Path(file).stem
    transcript = root / "Transcripts" / f"{name}.txt"
    speaker = row.optional("SpkrID")
    utterance = Utterance(
        id=name,
        text=_words(transcript, note) if transcript.is_file() else None,
        audio=f"Audios/{file}",
        speaker=None if speaker is None or speaker.lower() == "unknown" else speaker,
    )
    return utterance, Label(
        id=name,
        split=split,
        emotion=EMOTIONS.get(row.text("EmoClass")),
        emotion_votes=votes.get(file),
        valence=row.number("EmoVal"),
        arousal=row.number("EmoAct"),
        dominance=row.number("EmoDom"),
    )


def _words(transcript: Path, note: Note) -> str:
    return without_blanks("\n".join(read_lines(transcript, note)))
