"""IEMOCAP (Busso et al. 2008): five sessions of two actors, 10,039 turns. Gated by licence (USC).

The root holds ``Session1`` to ``Session5``, each with ``dialog/EmoEvaluation``,
``dialog/transcriptions``, ``sentences/wav`` and, for video, ``dialog/avi/DivX``, which shows both
actors side by side: each turn takes the speaker's half. Every turn is in the manifest; `emotions`
decides which of them have an emotion: `four` (angry, happy with excited, neutral, sad; 5,531 turns)
or `six` (happy, sad, neutral, angry, excited, frustrated). All have valence, arousal and dominance
(1 to 5), and the votes of the evaluators. There are no official splits; the
usual protocol leaves one session out. Dialogue models test on session 5 only: `test_session: 5`
makes that the official test set. Scripted dialogues have the same words in all sessions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from extract.corpora._votes import Votes, counted
from extract.corpus.reader import LABELLED_SESSION, Expected, Note
from features.errors import ProjectError
from features.known_counts import IEMOCAP_SIX_EMOTIONS
from features.manifest import Label, Split, Utterance
from features.tables.encodings import read_lines

TURN = re.compile(
    r"\[(?P<start>[\d.]+) - (?P<end>[\d.]+)\]\t(?P<name>\S+)\t(?P<emotion>\w+)\t"
    r"\[(?P<valence>[\d.]+), (?P<arousal>[\d.]+), (?P<dominance>[\d.]+)\]"
)
LINE = re.compile(r"(?P<name>Ses\S+) \[[^\]]*\]:\s*(?P<text>.*)")
VOTE = re.compile(r"C-E\d+:\s*(?P<emotions>[^(]*)")
WORDS = {
    "Anger": "ang",
    "Happiness": "hap",
    "Neutral": "neu",
    "Neutral state": "neu",
    "Sadness": "sad",
    "Excited": "exc",
    "Frustration": "fru",
}
SIX = {
    "ang": "angry",
    "hap": "happy",
    "neu": "neutral",
    "sad": "sad",
    "exc": "excited",
    "fru": "frustrated",
}
FOUR = {**{code: SIX[code] for code in ("ang", "hap", "neu", "sad")}, "exc": "happy"}
CLASSES = {"four": FOUR, "six": SIX}
RANGES = {"test_session": (1, 5)}
LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def expected(
    *, emotions: Literal["four", "six"] = "four", test_session: int | None = None
) -> Expected:
    """How many turns have each emotion; with `four`, also how many there are in each session.

    The pickled features that dialogue models share have 648 happy turns, the corpus has 595.
    """
    if emotions == "six":
        return {"emotion": {**IEMOCAP_SIX_EMOTIONS, "happy": 595}}
    sessions = zip((1085, 1023, 1151, 1031, 1241), range(1, 6), strict=True)
    return {
        "emotion": {"angry": 1103, "happy": 1636, "neutral": 1708, "sad": 1084},
        LABELLED_SESSION: {f"Ses0{number}": count for count, number in sessions},
    }


def read(
    root: Path,
    note: Note,
    *,
    emotions: Literal["four", "six"] = "four",
    test_session: int | None = None,
) -> Iterator[tuple[Utterance, Label]]:
    """Every turn in the order of its dialogue."""
    note(
        "scripted dialogues have the same words in all sessions: a head that reads text has seen "
        "the words of the test set in training"
    )
    for folder in sorted(root.glob("Session[1-5]")):
        for table in sorted((folder / "dialog" / "EmoEvaluation").glob("Ses*.txt")):
            yield from _dialogue(root, folder, table, CLASSES[emotions], test_session, note)


def _dialogue(
    root: Path,
    folder: Path,
    table: Path,
    classes: dict[str, str],
    test_session: int | None,
    note: Note,
) -> Iterator[tuple[Utterance, Label]]:
    dialogue = table.stem
    turns = _turns(table, note)
    transcript = _lines(folder / "dialog" / "transcriptions" / table.name, note)
    texts = {
        match["name"]: match["text"] for match in map(LINE.match, transcript) if match is not None
    }
    missing = [turn["name"] for turn in turns if turn["name"] not in texts]
    if missing:
        note(f"{dialogue}: {len(missing)} turns have no transcript; the first is {missing[0]}")
    votes = _votes(_lines(table, note), classes)
    for number, turn in enumerate(turns):
        name = turn["name"]
        label = Label(
            id=name,
            split=None if test_session is None else _split(folder, test_session),
            emotion=classes.get(turn["emotion"]),
            emotion_votes=votes.get(name),
            valence=float(turn["valence"]),
            arousal=float(turn["arousal"]),
            dominance=float(turn["dominance"]),
        )
        yield replace(_utterance(root, folder, turn, number), text=texts.get(name)), label


def _turns(table: Path, note: Note) -> list[re.Match[str]]:
    """The turns of a dialogue in the order in which they start."""
    matches = map(TURN.fullmatch, map(str.strip, _lines(table, note)))
    turns = [match for match in matches if match is not None]
    if not turns:
        raise ProjectError(
            f"{table} has no line '[start - end] TURN EMOTION [V, A, D]'; copy it again"
        )
    return sorted(turns, key=lambda turn: (float(turn["start"]), turn["name"]))


def _votes(lines: Sequence[str], classes: Mapping[str, str]) -> dict[str, Votes | None]:
    """The votes of each turn: an evaluator may name several emotions, and each of them counts.

    The actors' ratings of themselves (C-F, C-M) are left out. Emotions that are not classes are
    kept under their names, so that the share of votes that the classes have can be seen.
    """
    chosen: dict[str, list[str]] = {}
    name = ""
    for line in map(str.strip, lines):
        if turn := TURN.fullmatch(line):
            name = turn["name"]
        elif vote := VOTE.match(line):
            words = [word.strip() for word in vote["emotions"].split(";") if word.strip()]
            codes = [WORDS.get(word, word.lower()) for word in words]
            # Two names of one class by the same evaluator count as one vote.
            named = {classes.get(code, SIX.get(code, code)) for code in codes}
            chosen.setdefault(name, []).extend(sorted(named))
    return {name: counted(names) for name, names in chosen.items()}


def _utterance(root: Path, folder: Path, turn: re.Match[str], number: int) -> Utterance:
    name, start_s, end_s = turn["name"], float(turn["start"]), float(turn["end"])
    dialogue, _, rest = name.rpartition("_")
    video = folder / "dialog" / "avi" / "DivX" / f"{dialogue}.avi"
    has_video = video.exists()
    audio = folder / "sentences" / "wav" / dialogue / f"{name}.wav"
    return Utterance(
        id=name,
        audio=audio.relative_to(root).as_posix(),
        video=video.relative_to(root).as_posix() if has_video else None,
        video_start_s=start_s if has_video else None,
        video_end_s=end_s if has_video else None,
        video_box=(LEFT if dialogue[5] == rest[0] else RIGHT) if has_video else None,
        annotated_s=end_s - start_s,
        speaker=f"{dialogue[:5]}{rest[0]}",
        session=dialogue[:5],
        dialogue=dialogue,
        turn=number,
    )


def _split(folder: Path, test_session: int) -> Split:
    return "test" if folder.name.endswith(str(test_session)) else "train"


def _lines(path: Path, note: Note) -> list[str]:
    if not path.is_file():
        raise ProjectError(f"{path} does not exist; copy it from IEMOCAP")
    return read_lines(path, note)
