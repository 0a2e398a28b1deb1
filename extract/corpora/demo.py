"""The demo corpus as `extract/synthetic/demo.py` writes it."""

import csv
from collections.abc import Iterator
from pathlib import Path

from features.errors import ProjectError
from features.manifest import Label, Utterance

TABLE = "utterances.csv"


def read(root: Path) -> Iterator[tuple[Utterance, Label]]:
    """Utterances with text, voice and face; labels for every task the project has."""
    table = root / TABLE
    if not table.is_file():
        raise ProjectError(f"{table} does not exist; 'python cli.py synthesise demo' makes it")
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            utterance = Utterance(
                id=row["id"],
                text=row["text"],
                audio=row["audio"],
                video=row["video"],
                speaker=row["speaker"],
                dialogue=row["dialogue"],
                turn=int(row["turn"]),
            )
            label = Label(
                id=row["id"],
                split=row["split"],  # type: ignore[arg-type]
                emotion=row["emotion"],
                sentiment=row["sentiment"],
                valence=float(row["valence"]),
                arousal=float(row["arousal"]),
                dominance=float(row["dominance"]),
                causes=(row["cause"],) if row["cause"] else (),
                phq8=float(row["phq8"]),
            )
            yield utterance, label
