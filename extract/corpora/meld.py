"""MELD (Poria et al. 2019): Friends, 13,708 utterances in official parts, 7 emotions.

The root holds ``train_sent_emo.csv``, ``dev_sent_emo.csv`` and ``test_sent_emo.csv`` and, where
one has them, the clips in the folders of the official archives. A pair of dialogue and utterance
number occurs in several parts, so ids begin with the part.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from extract.corpus.expectations import Expected
from extract.corpus.notes import Note
from extract.corpus.tables import Row, read_table
from extract.media.audio import centre_channel
from features.manifest import SPLITS, Label, Split, Utterance

CLIP_FOLDERS: dict[Split, str] = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
# Clips that cannot be used, after MELD's issue tracker (#22, #27, #39, #52, #20).
KNOWN_BAD = {
    "train-dia125-utt3": "the file is corrupt and cannot be decoded",
    "dev-dia110-utt7": "the file is missing from the archive",
    "test-dia38-utt4": "the clip is a whole scene of 305 s",
    "test-dia220-utt0": "the clip is a whole scene of 235 s",
    "train-dia309-utt0": "the clip runs on to 41 s",
}
# Utterances, then those of each emotion and sentiment, over all parts.
SPLIT_COUNTS = {"train": 9989, "dev": 1109, "test": 2610}
EMOTION_COUNTS = {
    "neutral": 6436,
    "joy": 2308,
    "surprise": 1636,
    "anger": 1607,
    "sadness": 1002,
    "disgust": 361,
    "fear": 358,
}
SENTIMENT_COUNTS = {"neutral": 6436, "negative": 4184, "positive": 3088}
TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")


def expected() -> Expected:
    """How many utterances there are by part, emotion and sentiment."""
    return {"split": SPLIT_COUNTS, "emotion": EMOTION_COUNTS, "sentiment": SENTIMENT_COUNTS}


def read(root: Path, note: Note) -> Iterator[tuple[Utterance, Label]]:
    """Every utterance; audio and video where the folder of its part's clips is there.

    Of 5.1 sound the centre channel is taken, which carries the dialogue; the mean of both
    channels of stereo.
    """
    for split in SPLITS:
        clips = root / CLIP_FOLDERS[split]
        folder = clips.relative_to(root) if clips.is_dir() else None
        table = root / f"{split}_sent_emo.csv"
        for row in read_table(table, COLUMNS, "a table of MELD, in its root"):
            yield _entry(row, split, folder, root)


def _entry(row: Row, split: Split, clips: Path | None, root: Path) -> tuple[Utterance, Label]:
    dialogue, turn = row.integer("Dialogue_ID"), row.integer("Utterance_ID")
    name = f"{split}-dia{dialogue}-utt{turn}"
    clip = None if clips is None else clips / f"dia{dialogue}_utt{turn}.mp4"
    known_bad = KNOWN_BAD.get(name)
    utterance = Utterance(
        id=name,
        text=row.optional("Utterance"),
        audio=None if clip is None else clip.as_posix(),
        video=None if clip is None else clip.as_posix(),
        audio_channel=None if clip is None else centre_channel(root / clip),
        annotated_s=None if clip is None else _annotated_s(row),
        speaker=row.text("Speaker"),
        dialogue=f"{split}-dia{dialogue}",
        turn=turn,
        known_bad=None if clip is None else known_bad,
    )
    return utterance, Label(
        id=name, split=split, emotion=row.text("Emotion"), sentiment=row.text("Sentiment")
    )


def _annotated_s(row: Row) -> float | None:
    """How long the table says the clip is, from columns that older copies lack."""
    times = [TIME.fullmatch(row.cells.get(name, "").strip()) for name in ("StartTime", "EndTime")]
    start, end = (
        None
        if found is None
        else 3600 * int(found[1]) + 60 * int(found[2]) + int(found[3]) + int(found[4]) / 1000
        for found in times
    )
    return None if start is None or end is None else end - start
