"""RAVDESS speech (Livingstone and Russo 2018): 1,440 clips, 24 actors, 8 emotions, 2 sentences.

The files are in ``Actor_NN/``, named modality-channel-emotion-intensity-statement-repetition-actor:
audio only (``03-01-...``, wav or flac) and, optionally, video with audio (``01-01-...``, mp4).
There are no official splits: choose a protocol that splits by speaker, or folds from a table.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from extract.corpus.reader import Expected, Note
from features.manifest import Label, Utterance

SHARED_UNDER = "RAVDESS (Livingstone and Russo 2018), CC BY-NC-SA 4.0, not for commercial use"

CLIP = re.compile(r"03-01-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
STATEMENTS = ("Kids are talking by the door", "Dogs are sitting by the door")
CLIPS_PER_ACTOR, NUM_ACTORS = 60, 24


def expected() -> Expected:
    """60 clips of each actor, 192 of each emotion except neutral."""
    return {
        "speaker": {_speaker(actor): CLIPS_PER_ACTOR for actor in range(1, NUM_ACTORS + 1)},
        "emotion": {name: 96 if name == "neutral" else 192 for name in EMOTIONS},
    }


def read(root: Path, note: Note) -> Iterator[tuple[Utterance, Label]]:
    """Every speech clip with its actor as speaker; with video where its file is next to it."""
    clips = {
        file.stem: file
        for file in sorted(root.glob("Actor_*/*"))
        if file.suffix in (".wav", ".flac") and CLIP.fullmatch(file.stem)
    }
    for name, file in clips.items():
        match = CLIP.fullmatch(name)
        assert match is not None
        emotion, _, statement, _, actor = (int(field) for field in match.groups())
        video = file.with_name(f"01{name[2:]}.mp4")
        utterance = Utterance(
            id=name,
            text=STATEMENTS[statement - 1],
            audio=file.relative_to(root).as_posix(),
            video=video.relative_to(root).as_posix() if video.exists() else None,
            speaker=_speaker(actor),
        )
        yield utterance, Label(id=name, emotion=EMOTIONS[emotion - 1])


def _speaker(actor: int) -> str:
    return f"actor-{actor:02d}"
