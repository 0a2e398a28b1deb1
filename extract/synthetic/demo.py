"""Makes the demo corpus: dialogues with sentences, synthesised voices and drawn faces.

Wording, voice and face each narrow the emotion down to a group, and each is sometimes wrong; only
together do they identify it. The seed decides everything.
"""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from extract.synthetic import _face, _script, _voice
from features.progress import progress

RANGES = {"seed": (0, 4294967295), "num_dialogues": (4, 100000)}
TURNS = 8
# Share of the dialogues and number of speakers of each split.
SPLITS = {"train": (0.54, 14), "dev": (0.12, 5), "test": (0.34, 9)}
TABLE = "utterances.csv"
Row = tuple[dict[str, Any], _script.Turn]


def make(root: Path, *, seed: int = 0, num_dialogues: int = 60) -> None:
    """Write the corpus to `root`: ``utterances.csv``, ``audio/*.wav`` and ``video/*.mp4``.

    It is written to a folder next to `root`, which is then renamed: a corpus is complete or absent.
    """
    draft = root.with_name(f".{root.name}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    for folder in ("audio", "video"):
        (draft / folder).mkdir(parents=True)
    rows = list(_rows(num_dialogues, np.random.default_rng(seed)))
    for number, (row, turn) in enumerate(progress(rows, root.name, len(rows), "utterances")):
        random = np.random.default_rng([seed, number])
        words = len(turn.text.split())
        duration_s = float(np.clip(0.7 + 0.12 * words + random.normal(0, 0.1), 1.0, 2.0))
        voice = _voice.speak(turn.speaker, turn.cues["voice"], duration_s, random)
        soundfile.write(draft / row["audio"], voice, _voice.SAMPLE_HZ, "PCM_16")
        face = _face.draw(turn.speaker, turn.cues["face"], duration_s, random)
        _face.write_mp4(draft / row["video"], face)
    with (draft / TABLE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0][0]))
        writer.writeheader()
        writer.writerows(row for row, _ in rows)
    if root.exists():
        shutil.rmtree(root)
    draft.rename(root)


def _rows(num_dialogues: int, random: _script.Random) -> Iterator[Row]:
    start = 0
    for split, (share, num_speakers) in SPLITS.items():
        cast = _script.speakers(split, num_speakers, random)
        end = num_dialogues if split == "test" else start + max(1, round(share * num_dialogues))
        for number in range(start, end):
            people = random.choice(num_speakers, size=int(random.integers(2, 4)), replace=False)
            turns = _script.dialogue([cast[p] for p in people], TURNS, random)
            for place, turn in enumerate(turns):
                yield _row(split, f"d{number:03d}", place, turn), turn
        start = end


def _row(split: str, dialogue: str, place: int, turn: _script.Turn) -> dict[str, Any]:
    name = f"{dialogue}-u{place}"
    valence, arousal, dominance = (f"{value:.2f}" for value in turn.vad)
    return {
        "id": name,
        "split": split,
        "dialogue": dialogue,
        "turn": place,
        "speaker": turn.speaker.name,
        "text": turn.text,
        "audio": f"audio/{name}.wav",
        "video": f"video/{name}.mp4",
        "emotion": turn.emotion,
        "sentiment": _script.SENTIMENTS[_script.EMOTIONS[turn.emotion]["wording"]],
        "valence": valence,
        "arousal": arousal,
        "dominance": dominance,
        "cause": "" if turn.cause is None else f"{dialogue}-u{turn.cause}",
        "phq8": turn.speaker.phq8,
    }
