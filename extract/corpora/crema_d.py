"""CREMA-D (Cao et al. 2014): 7,442 clips, 91 actors, 12 sentences, 6 emotions.

The root holds ``AudioWAV/`` and, optionally, ``VideoFlash/`` (flv). Files have names such as
``1087_IWL_ANG_XX``: actor, sentence, intended emotion, level. There are no official splits. With
``finishedResponses.csv`` the clips have the votes of raters who were given the voice, the face or
both, as `ratings` says. The emotion remains the intended one.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from extract.corpora._votes import Votes, counted
from extract.corpus.reader import Expected, Note
from features.errors import quoted
from features.manifest import Label, Utterance
from features.tables.table import read_table

SHARED_UNDER = "CREMA-D (Cao et al. 2014), Open Database License 1.0"

CLIP = re.compile(r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(LO|MD|HI|XX|X)")
EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
RESPONSES = "finishedResponses.csv"
# The column queryType: what the raters were shown.
QUERIES = {"voice": "1", "face": "2", "audio-visual": "3"}
# From CREMA-D's readme and its issue 8.
KNOWN_BAD = {"1076_MTI_SAD_XX": "it has no sound and is very short"}
BAD_VIDEOS = {
    "1076_MTI_NEU_XX": "very short and silent",
    "1064_TIE_SAD_XX": "a file without a duration",
    "1064_IEO_DIS_MD": "a minute long, with every take of that sentence",
}


def expected(*, ratings: Literal["voice", "face", "audio-visual"] = "audio-visual") -> Expected:
    """1,271 clips of each emotion, 1,087 neutral ones."""
    names = EMOTIONS.values()
    return {"emotion": {name: 1087 if name == "neutral" else 1271 for name in names}}


def read(
    root: Path, note: Note, *, ratings: Literal["voice", "face", "audio-visual"] = "audio-visual"
) -> Iterator[tuple[Utterance, Label]]:
    """Every clip with its actor as speaker; a video that is known to be bad is left out."""
    misnamed: list[str] = []
    votes = _votes(root / RESPONSES, QUERIES[ratings], note)
    for file in sorted((root / "AudioWAV").glob("[!.]*.wav")):
        match, name = CLIP.fullmatch(file.stem), file.stem
        if match is None or match["emotion"] not in EMOTIONS:
            misnamed.append(file.name)
            continue
        video = root / "VideoFlash" / f"{name}.flv"
        if video.exists() and name in BAD_VIDEOS:
            note(f"the video of {name} is left out: it is {BAD_VIDEOS[name]}")
        usable = video.exists() and name not in BAD_VIDEOS
        utterance = Utterance(
            id=name,
            text=SENTENCES.get(match["sentence"]),
            audio=file.relative_to(root).as_posix(),
            video=video.relative_to(root).as_posix() if usable else None,
            speaker=match["actor"],
            known_bad=KNOWN_BAD.get(name),
        )
        emotion = EMOTIONS[match["emotion"]]
        yield utterance, Label(id=name, emotion=emotion, emotion_votes=votes.get(name))
    if misnamed:
        note(
            f"{len(misnamed)} files are not named like clips of CREMA-D and are left out: "
            f"{', '.join(misnamed[:3])}"
        )


def _votes(table: Path, query: str, note: Note) -> dict[str, Votes | None]:
    """The votes for each clip; empty if the table of responses is missing."""
    if not table.is_file():
        note(f"{table.name} is missing: the clips have no rater votes")
        return {}
    by_letter = {code[0]: name for code, name in EMOTIONS.items()}
    chosen: defaultdict[str, list[str]] = defaultdict(list)
    columns = ("clipName", "queryType", "respEmo")
    for row in read_table(table, "the responses of CREMA-D", note, columns).rows:
        if row.text("queryType") != query:
            continue
        letter = row.text("respEmo")
        if letter not in by_letter:
            row.refuse("respEmo", f"one of {quoted(by_letter)}")
        chosen[row.text("clipName")].append(by_letter[letter])
    return {name: counted(names) for name, names in chosen.items()}
