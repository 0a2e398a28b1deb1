"""MSP-IMPROV (Busso et al. 2017): six sessions of two actors, 8,438 turns. Gated by licence.

The root holds ``Evalution.txt`` (sic) and the wav files of the turns in any folders below,
named such as ``MSP-IMPROV-S01A-F01-P-FM01.wav``: sentence and intended emotion, actor, condition,
turn; avi files of the same name are used where they exist. The consensus is angry, happy,
sad or neutral; turns of other or no consensus have no emotion. Valence, arousal and dominance run
from 1 to 5. There are no official splits.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from extract.corpus.reader import Expected, Note
from features.errors import ProjectError
from features.manifest import Label, Utterance
from features.tables.encodings import read_lines

LINE = re.compile(
    r"UTD-IMPROV-(?P<turn>S\d\d[AHNS]-(?P<actor>[FM]\d\d)-[PRST]-\w+)\.avi;(?P<rest>.*)"
)
EMOTIONS = {"A": "angry", "H": "happy", "S": "sad", "N": "neutral"}
FIELDS = {"A": "arousal", "V": "valence", "D": "dominance"}


def expected() -> Expected:
    """All turns, and how many have each emotion."""
    return {
        "utterances": 8438,
        "emotion": {"angry": 792, "happy": 2644, "sad": 885, "neutral": 3477},
    }


def read(root: Path, note: Note) -> Iterator[tuple[Utterance, Label]]:
    """Every turn in the table of consensus labels, session by session."""
    table = root / "Evalution.txt"
    if not table.is_file():
        raise ProjectError(f"{table} does not exist; copy the label table of MSP-IMPROV there")
    files = {path.name: path for path in sorted(root.rglob("MSP-IMPROV-*")) if path.is_file()}
    matches = [
        match for line in read_lines(table, note) if (match := LINE.match(line.strip())) is not None
    ]
    if not matches:
        raise ProjectError(
            f"{table} has no line 'UTD-IMPROV-...avi; EMOTION; A:...; V:...; D:...'; copy it again"
        )
    for match in sorted(matches, key=lambda match: (match["actor"][1:], match["turn"])):
        yield _entry(root, files, match, table)


def _entry(
    root: Path, files: dict[str, Path], match: re.Match[str], table: Path
) -> tuple[Utterance, Label]:
    name = f"MSP-IMPROV-{match['turn']}"
    emotion, *cells = [cell.strip() for cell in match["rest"].split(";")]
    scores: dict[str, float] = {}
    for cell in cells:
        letter, _, value = cell.partition(":")
        if letter in FIELDS:
            try:
                score = float(value)
            except ValueError:
                raise ProjectError(
                    f"{table}, {name}: {cell!r} is not a score; it must be a number"
                ) from None
            if math.isfinite(score):  # a missing score is written NaN
                scores[FIELDS[letter]] = score
    audio, video = files.get(f"{name}.wav"), files.get(f"{name}.avi")
    utterance = Utterance(
        id=name,
        audio=f"{name}.wav" if audio is None else audio.relative_to(root).as_posix(),
        video=None if video is None else video.relative_to(root).as_posix(),
        speaker=match["actor"],
        session=f"session{int(match['actor'][1:])}",
    )
    return utterance, Label(id=name, emotion=EMOTIONS.get(emotion), **scores)  # type: ignore[arg-type]
