"""MELD (Poria et al. 2019): Friends, 13,708 utterances in official splits, 7 emotions.

The root holds ``train_sent_emo.csv``, ``dev_sent_emo.csv`` and ``test_sent_emo.csv`` and,
optionally, the clips in the folders of the official archives. A pair of dialogue and utterance
number occurs in several splits, so ids begin with the split.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from extract.corpus.reader import Expected, Note
from extract.media.audio import centre_channel
from features.known_counts import MELD_EMOTIONS, MELD_SENTIMENTS
from features.manifest import SPLITS, Label, Split, Utterance
from features.tables.row import Row
from features.tables.table import read_table

CLIP_FOLDERS: dict[Split, str] = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
# Clips that cannot be used, from MELD's issue tracker (#22, #27, #39, #52, #20).
KNOWN_BAD = {
    "train-dia125-utt3": "the file is corrupt and cannot be decoded",
    "dev-dia110-utt7": "the file is missing from the archive",
    "test-dia38-utt4": "the clip is a whole scene of 305 s",
    "test-dia220-utt0": "the clip is a whole scene of 235 s",
    "train-dia309-utt0": "the clip runs on to 41 s",
}
# Utterances by split.
SPLIT_COUNTS = {"train": 9989, "dev": 1109, "test": 2610}
TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")


def expected() -> Expected:
    """How many utterances there are by split, emotion and sentiment."""
    return {"split": SPLIT_COUNTS, "emotion": MELD_EMOTIONS, "sentiment": MELD_SENTIMENTS}


def read(root: Path, note: Note) -> Iterator[tuple[Utterance, Label]]:
    """Every utterance; with audio and video if the folder of its split's clips exists.

    From 5.1 audio the centre channel is used, which carries the dialogue; from stereo, the mean.
    """
    for split in SPLITS:
        clips = root / CLIP_FOLDERS[split]
        folder = clips.relative_to(root) if clips.is_dir() else None
        table = root / f"{split}_sent_emo.csv"
        for row in read_table(table, "a table of MELD, in its root", note, COLUMNS).rows:
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
    """The length of the clip according to the table, from columns that older copies lack."""
    times = [
        TIME.fullmatch(row.trimmed(name) or "") if name in row.header.places else None
        for name in ("StartTime", "EndTime")
    ]
    start, end = (
        None
        if time is None
        else 3600 * int(time[1]) + 60 * int(time[2]) + int(time[3]) + int(time[4]) / 1000
        for time in times
    )
    return None if start is None or end is None else end - start
