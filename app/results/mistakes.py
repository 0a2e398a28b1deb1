"""The most confident mistakes of a head, with what was said and where the clip is."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.paths import manifest_path
from app.results.runs import Run
from features.manifest import Utterance, read_utterances

NUM_SHOWN = 20
NUM_LETTERS = 60


@dataclass(frozen=True)
class Mistake:
    """An utterance of the test set that most of a head's seeds get wrong.

    `probability` is that of the class that is predicted, the mean over seeds (and folds).
    """

    utterance: Utterance
    truth: str
    predicted: str
    probability: float

    def row(self) -> tuple[str, ...]:
        """Its cells for a table."""
        media = self.utterance.video or self.utterance.audio or ""
        said = " ".join((self.utterance.text or "").split())
        said = said if len(said) <= NUM_LETTERS else f"{said[: NUM_LETTERS - 1]}…"
        share = f"{self.probability:.2f}"
        return self.utterance.id, self.truth, self.predicted, share, media, said


def mistakes_of(run: Run, measure: str) -> list[Mistake]:
    """The wrong predictions of a measure with classes on the test set, the most confident first."""
    means: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    truths: dict[str, str] = {}
    counts: dict[str, int] = defaultdict(int)
    for line in run.predictions.splitlines():
        record = json.loads(line)
        answer: Mapping[str, Any] = record[measure]
        if record["split"] != "test" or answer["truth"] is None:
            continue
        truths[record["id"]] = answer["truth"]
        counts[record["id"]] += 1
        for name, share in answer["probabilities"].items():
            means[record["id"]][name] += share
    utterances = {u.id: u for u in read_utterances(manifest_path(run.spec.corpus))}
    mistakes = []
    for name, shares in means.items():
        predicted = max(shares, key=lambda label: shares[label])
        if predicted != truths[name]:
            probability = shares[predicted] / counts[name]
            mistakes.append(Mistake(utterances[name], truths[name], predicted, probability))
    return sorted(mistakes, key=lambda mistake: -mistake.probability)
