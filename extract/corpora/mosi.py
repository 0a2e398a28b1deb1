"""CMU-MOSI (Zadeh et al. 2016) as bc-LSTM published it: features of 2,199 utterances, 93 videos.

The root holds ``utterances.csv`` (split, row, video, utterance, label, text; label 1 is positive,
0 negative) and the arrays ``{text,audio,video}_{train,test}.npy``, whose row i is row i of that
split. They are the features `text-cnn` (100 numbers), `opensmile` (73) and `3d-cnn` (100). No
speaker is in both splits. There is no dev set: the last `num_dev_videos` training videos by id
become it.
"""

from collections.abc import Iterator
from pathlib import Path

from extract.corpus.reader import Expected, Note
from features.errors import ProjectError
from features.manifest import FeatureFile, Label, Split, Utterance
from features.tables.table import read_table

# How the name of each array begins, before the split.
FEATURES = {"text-cnn": "text", "opensmile": "audio", "3d-cnn": "video"}
RANGES = {"num_dev_videos": (1, 61)}
COLUMNS = ("split", "row", "video", "utterance", "label", "text")
SENTIMENTS = {"0": "negative", "1": "positive"}


def expected(*, num_dev_videos: int = 10) -> Expected:
    """All utterances."""
    return {"utterances": 2199}


def read(root: Path, note: Note, *, num_dev_videos: int = 10) -> Iterator[tuple[Utterance, Label]]:
    """Utterances video by video, in the order in which they were said; a video is a dialogue."""
    rows = read_table(root / "utterances.csv", "the table of CMU-MOSI", note, COLUMNS).rows
    rows.sort(key=lambda row: (row.text("split"), row.text("video"), row.integer("utterance")))
    train_videos = sorted({row.text("video") for row in rows if row.text("split") == "train"})
    dev_videos = set(train_videos[-num_dev_videos:])
    for row in rows:
        published, video, code = row.text("split"), row.text("video"), row.optional("label")
        if published not in ("train", "test") or code not in SENTIMENTS:
            raise ProjectError(
                f"{row.where}: split is {published!r} and label {code!r}; they must be train or "
                "test, and 0 or 1"
            )
        name = f"{video}-{row.text('utterance')}"
        train_split: Split = "dev" if video in dev_videos else "train"
        utterance = Utterance(
            id=name,
            text=row.optional("text"),
            features={
                key: FeatureFile(f"{file}_{published}.npy", row=row.integer("row"))
                for key, file in FEATURES.items()
            },
            dialogue=video,
            turn=row.integer("utterance"),
        )
        split = "test" if published == "test" else train_split
        yield utterance, Label(id=name, split=split, sentiment=SENTIMENTS[code])
