# A corpus reader that breaks every rule of the contract, that of a docstring as well.

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from extract.corpus.reader import Expected, Note
from features.manifest import FeatureFile, Label, Segment, Utterance

READS = count()
FEATURES = {"video": "video.csv"}
RANGES = dict(folds=(0, 1))  # noqa: C408
SAME_RECORDINGS = ("nobody",)


def expected(*, folds: str = "other.csv") -> Expected:
    return {}


def read(root: Path, note: Note, extra: int = 0, *, folds: str = "f" + ".csv") -> Iterator[Any]:
    (root / "cache.txt").write_text("left behind")
    note(f"read {next(READS)} times\nbefore")
    yield Utterance("", text="hm"), Label("")
    yield Utterance("a", audio="/a.wav"), Label("b", split="val")  # type: ignore[arg-type]
    yield Utterance("c", text="", video="c.mp4", start_s=2.0, end_s=1.0), Label("c", phq8=25.0)
    yield Utterance("d", turn=1), Label("d", valence="high", emotion="")  # type: ignore[arg-type]
    yield Utterance("e"), None
    file = FeatureFile("a.wav", digest="0")
    yield (
        Utterance("f", features={"faces": file}, segments=(Segment(1.0, 0.5, "hm"),)),
        Label("f", arousal=float("nan"), phq8_items=(4,), depression="yes", speaker="f"),
    )
    box = (0.5, 0.0, 0.0, 1.0)
    yield Utterance("g", text="hm", dialogue="x", turn=2, video_box=box), Label("g", "train")
    yield Utterance("h", text="hm", dialogue="x", turn=1), Label("h", "test", causes=("a",))
    yield Utterance("i", text="hm", dialogue="y", turn=1, audio_channel=-1), Label("i")
    yield Utterance("i", text="hm", dialogue="x", segments=()), Label("i")
