"""EMO-DB (Burkhardt et al. 2005): 535 clips, 10 German actors, 7 emotions.

The root holds ``wav/``. A file is named such as ``03a01Wa``: speaker, sentence, emotion, take.
There are no official splits.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from extract.corpus.reader import Expected, Note
from features.errors import ProjectError
from features.manifest import Label, Utterance

CLIP = re.compile(r"(?P<speaker>\d\d)[ab]\d\d(?P<emotion>[WLEAFTN])[a-z]")
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}


def expected() -> Expected:
    """The published number of clips."""
    return {"utterances": 535}


def read(root: Path, note: Note) -> Iterator[tuple[Utterance, Label]]:
    """Every clip with its actor as speaker."""
    if not (root / "wav").is_dir():
        raise ProjectError(f"{root} has no folder wav; give the folder that EMO-DB unpacks to")
    for file in sorted((root / "wav").glob("*.wav")):
        match = CLIP.fullmatch(file.stem)
        if match is None:
            note(f"{file.name} is not named like a clip of EMO-DB and is left out")
            continue
        audio = file.relative_to(root).as_posix()
        utterance = Utterance(id=file.stem, audio=audio, speaker=match["speaker"])
        yield utterance, Label(id=file.stem, emotion=EMOTIONS[match["emotion"]])
