"""RAVDESS speech (Livingstone and Russo 2018): 1,440 clips, 24 actors, 8 emotions, 2 sentences.

The clips lie in ``Actor_NN/`` as wav or flac, named modality-channel-emotion-intensity-
statement-repetition-actor. There is no official split: the test part is one fold of actors from
``folds.csv`` (columns ``clip`` and the one named by `folds_column`), the dev part the other
actors with the lowest numbers.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from extract.table import read_table
from features.errors import ProjectError
from features.manifest import Label, Split, Utterance

CLIP = re.compile(r"03-01-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
RANGES = {"num_dev_actors": (1, 22)}
STATEMENTS = ("Kids are talking by the door", "Dogs are sitting by the door")


def read(
    root: Path,
    *,
    folds_column: str = "emobox_test_fold",
    test_fold: int = 1,
    num_dev_actors: int = 3,
) -> Iterator[tuple[Utterance, Label]]:
    """Every speech clip with its actor as speaker."""
    clips = {
        file.stem: file
        for file in sorted(root.glob("Actor_*/*"))
        if file.suffix in (".wav", ".flac") and CLIP.fullmatch(file.stem)
    }
    folds = _folds(root / "folds.csv", folds_column)
    if unknown := sorted(clips.keys() - folds.keys()):
        raise ProjectError(f"{root / 'folds.csv'} has no fold for the clip {unknown[0]!r}")
    test_actors = {name[-2:] for name in clips if folds[name] == test_fold}
    if clips and not test_actors:
        raise ProjectError(
            f"test_fold is {test_fold}; the folds in {root / 'folds.csv'}, column "
            f"{folds_column!r}, are {sorted(set(folds.values()))}"
        )
    others = sorted({name[-2:] for name in clips} - test_actors)
    dev_actors = set(others[:num_dev_actors])
    for name, file in clips.items():
        actor = name[-2:]
        split: Split = "test" if actor in test_actors else "dev" if actor in dev_actors else "train"
        yield _entry(name, file.relative_to(root), split)


def _entry(name: str, path: Path, split: Split) -> tuple[Utterance, Label]:
    match = CLIP.fullmatch(name)
    assert match is not None
    emotion, _, statement, _, actor = (int(field) for field in match.groups())
    utterance = Utterance(
        id=name,
        text=STATEMENTS[statement - 1],
        audio=path.as_posix(),
        speaker=f"actor-{actor:02d}",
    )
    return utterance, Label(id=name, split=split, emotion=EMOTIONS[emotion - 1])


def _folds(path: Path, column: str) -> dict[str, int]:
    what = "the table of folds (RAVDESS has no official split): a clip and its test fold"
    rows = read_table(path, ("clip", column), what)
    return {row.text("clip"): row.integer(column) for row in rows}
