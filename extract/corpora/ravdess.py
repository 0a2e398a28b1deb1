"""RAVDESS speech (Livingstone and Russo 2018): 1,440 clips, 24 actors, 8 emotions, 2 sentences.

The clips lie in ``Actor_NN/`` as wav or flac, named modality-channel-emotion-intensity-
statement-repetition-actor. There is no official split: the test part is one fold of actors from
``folds.csv`` (columns ``clip`` and the one named by `folds_column`), the dev part the other
actors with the lowest numbers.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from features.errors import ProjectError
from features.manifest import Label, Split, Utterance

CLIP = re.compile(r"03-01-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
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
    if not path.is_file():
        raise ProjectError(
            f"{path} does not exist; RAVDESS has no official split, so the reader needs a table "
            f"with the columns 'clip' and {column!r} (the number of the test fold)"
        )
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or "clip" not in rows[0] or column not in rows[0]:
        columns = list(rows[0]) if rows else []
        raise ProjectError(f"{path} has the columns {columns}; it needs 'clip' and {column!r}")
    return {row["clip"]: int(row[column]) for row in rows}
