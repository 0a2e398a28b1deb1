"""DAIC-WOZ (Gratch et al. 2014): 189 clinical interviews with PHQ-8 scores. Gated by licence.

The root holds the tables of the splits (``train_split_Depression_AVEC2017.csv``,
``dev_split_...``, ``full_test_split.csv``) and a folder ``<id>_P`` per session with transcript,
audio, and the features that were published with it (FEATURES). An utterance is a whole session;
the turns of the participant are its segments, so that heads never hear the interviewer, whose
questions give the label away (Burdisso et al. 2024). `segments: false` takes the whole recording,
interviewer included.
"""

from collections.abc import Iterator
from pathlib import Path

from extract.corpus.reader import Expected, Note
from features.errors import ProjectError
from features.manifest import FeatureFile, Label, Segment, Split, Utterance
from features.tables.characters import without_blanks
from features.tables.encodings import read_lines
from features.tables.row import Row
from features.tables.table import read_table

# How the name of each file ends, after the session's number.
FEATURES = {
    "covarep": "COVAREP.csv",
    "formant": "FORMANT.csv",
    "clnf-aus": "CLNF_AUs.txt",
    "clnf-features": "CLNF_features.txt",
    "clnf-features3d": "CLNF_features3D.txt",
    "clnf-gaze": "CLNF_gaze.txt",
    "clnf-pose": "CLNF_pose.txt",
}
TABLES: dict[Split, tuple[str, str, str, str]] = {
    "train": ("train_split_Depression_AVEC2017.csv", "Participant_ID", "PHQ8_Score", "PHQ8_Binary"),
    "dev": ("dev_split_Depression_AVEC2017.csv", "Participant_ID", "PHQ8_Score", "PHQ8_Binary"),
    "test": ("full_test_split.csv", "Participant_ID", "PHQ_Score", "PHQ_Binary"),
}
ITEMS = (
    *("PHQ8_NoInterest", "PHQ8_Depressed", "PHQ8_Sleep", "PHQ8_Tired"),
    *("PHQ8_Appetite", "PHQ8_Failure", "PHQ8_Concentrating", "PHQ8_Moving"),
)
DEPRESSED_FROM = 10
SPEAKER = "Participant"
# Seconds during which the interview is interrupted: turns that overlap them are left out.
INTERRUPTIONS = {"373": (395.0, 428.0), "444": (286.0, 387.0)}
# By how many seconds the times of a transcript are too early.
MISALIGNED = {"318": 34.319917, "321": 3.8379167, "341": 6.1892, "362": 16.8582}
NO_INTERVIEWER = "the transcript lacks the interviewer"
REMARKS = {
    "402": "the video is incomplete",
    **dict.fromkeys(("451", "458", "480"), NO_INTERVIEWER),
}


def expected(*, segments: bool = True) -> Expected:
    """Sessions by split."""
    return {"split": {"train": 107, "dev": 35, "test": 47}}


def read(root: Path, note: Note, *, segments: bool = True) -> Iterator[tuple[Utterance, Label]]:
    """Every session that the tables name, split by split."""
    endings = {name: end for name, end in FEATURES.items() if any(root.glob(f"*_P/*_{end}"))}
    for split, (file, id_column, score, binary) in TABLES.items():
        columns = (id_column, score, binary)
        description = f"the {split} split of DAIC-WOZ"
        for row in read_table(root / file, description, note, columns).rows:
            name = row.text(id_column)
            if name in REMARKS:
                note(f"session {name}: {REMARKS[name]}")
            label = _label(row, name, split, score, binary, note)
            yield _session(root, name, endings, segments, note), label


def _label(row: Row, name: str, split: Split, score: str, binary: str, note: Note) -> Label:
    total = row.integer(score)
    if not 0 <= total <= 24:
        raise ProjectError(f"{row.where}: {score} is {total}; it must be 0 to 24")
    depressed = total >= DEPRESSED_FROM
    if row.integer(binary) != depressed:
        note(
            f"session {name}: {binary} is {row.text(binary)}, but {score} is {total}; the score "
            f"decides, so {int(depressed)} is used"
        )
    return Label(
        id=name,
        split=split,
        phq8=float(total),
        phq8_items=_items(row, name, total, note),
        depression="depressed" if depressed else "not-depressed",
    )


def _items(row: Row, name: str, total: int, note: Note) -> tuple[int, ...] | None:
    """The eight answers; a single missing one follows from the total."""
    if not all(item in row.header.places for item in ITEMS):
        return None
    missing = [item for item in ITEMS if row.optional(item) is None]
    if len(missing) > 1:
        note(f"session {name}: {', '.join(missing)} are missing; its answers are not used")
        return None
    answers = {item: row.integer(item) for item in ITEMS if item not in missing}
    for item in missing:
        answers[item] = total - sum(answers.values())
        note(f"session {name}: {item} is missing; by the total score it is {answers[item]}")
    return tuple(answers[item] for item in ITEMS)


def _session(
    root: Path, name: str, endings: dict[str, str], segments: bool, note: Note
) -> Utterance:
    folder = f"{name}_P"
    transcript = root / folder / f"{name}_TRANSCRIPT.csv"
    turns = list(_turns(transcript, name, note)) if transcript.exists() else []
    if not turns:
        note(f"session {name}: {transcript.name} has no turns of the participant")
    features = {key: FeatureFile(f"{folder}/{name}_{end}") for key, end in endings.items()}
    return Utterance(
        id=name,
        text="\n".join(turn.text for turn in turns) or None,
        audio=f"{folder}/{name}_AUDIO.wav",
        features=features,
        segments=tuple(turns) if segments and turns else None,
        speaker=name,
    )


def _turns(transcript: Path, name: str, note: Note) -> Iterator[Segment]:
    """What the participant says, without the turns that overlap an interruption."""
    begin_s, stop_s = INTERRUPTIONS.get(name, (0.0, 0.0))
    left_out = 0
    shift_s = MISALIGNED.get(name, 0.0)
    for cells in _transcript_rows(transcript, note):
        if cells[2].strip() != SPEAKER:
            continue
        try:
            start_s, end_s = float(cells[0]) + shift_s, float(cells[1]) + shift_s
        except ValueError:
            raise ProjectError(
                f"{transcript}: a turn starts at {cells[0]!r} and stops at {cells[1]!r}; both must "
                "be seconds"
            ) from None
        if start_s < stop_s and end_s > begin_s:
            left_out += 1
        elif end_s > start_s:
            yield Segment(start_s, end_s, without_blanks(cells[3]))
        else:
            note(f"session {name}: the turn at {start_s} s ends at {end_s} s and is left out")
    if shift_s:
        note(
            f"session {name}: the times of its transcript are {shift_s:.2f} s too early; corrected"
        )
    if left_out:
        note(
            f"session {name}: {left_out} turns are left out; the interview is interrupted from "
            f"{begin_s:g} to {stop_s:g} s"
        )


def _transcript_rows(path: Path, note: Note) -> Iterator[list[str]]:
    """Start, end, speaker and words of every turn; quotation marks belong to the words."""
    for number, line in enumerate(read_lines(path, note)[1:], 2):
        cells = line.split("\t")
        if len(cells) >= 4:
            yield [*cells[:3], " ".join(cells[3:])]
        elif line.strip():
            note(f"{path.name}, line {number}: {line.strip()!r} is not a turn and is left out")
