"""Which utterances cause the emotion of which, and the figures of such pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from features.manifest import Label
from train.data.order import in_order
from train.scoring.measure import UNKNOWN, ClassSums, Numbers, ratio

# The strength above which a pair is predicted.
BORDER = 0.5
# Strengths below are not written down.
LEAST_STRENGTH = 0.01


@dataclass(frozen=True)
class PairMeasure:
    """Pairs of an utterance with an emotion of `classes`, and one that causes it.

    Causes are looked for from `earlier` turns before to `later` turns after. Truth `(N, W + 2)` and
    predictions `(..., N, W + 2)` have for each utterance: the number of its emotion (UNKNOWN where
    it has no cause); a 1 for every cause, from `later` turns after to `earlier` turns before; and
    the number of causes out of reach, which cannot be predicted. Where causes are not labelled the
    truth is NaN. Predictions have a strength from 0 to 1 in place of the 1: above BORDER a pair is
    predicted.

    The figures are those of SemEval-2024 Task 3, sub-task 2 (Wang et al. 2024): a pair is correct
    where utterance, emotion and cause are; `pair_weighted_f1`, by which the task ranks, is the mean
    of the F1 of each emotion, weighed by how many annotated pairs have it.
    """

    classes: tuple[str, ...]
    earlier: int
    later: int
    name: ClassVar[str] = "cause_pairs"
    task: ClassVar[str] = "causes"
    label: ClassVar[str] = "causes"
    kind: ClassVar[str] = "pairs"

    @property
    def width(self) -> int:
        """How many turns may be the cause of an utterance, W."""
        return self.earlier + 1 + self.later

    def truth(self, labels: Sequence[Label]) -> Numbers:
        """What the labels of whole dialogues say."""
        truth = np.zeros((len(labels), self.width + 2))
        truth[:, 0] = UNKNOWN
        for row, turns_before in enumerate(distances(labels)):
            if turns_before is None or (turns_before and labels[row].emotion is None):
                truth[row] = np.nan
            elif turns_before and labels[row].emotion in self.classes:
                truth[row, 0] = self.classes.index(str(labels[row].emotion))
                for turns in turns_before:
                    truth[row, self._column(turns)] += 1
        return truth

    def _column(self, turns: int | None) -> int:
        """The column of a cause so many turns before."""
        if turns is None or not -self.later <= turns <= self.earlier:
            return -1
        return 1 + turns + self.later

    def labelled(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances are labelled, `(N,)`."""
        return np.isfinite(truth[:, 0])

    def unseen_classes(self, labels: Sequence[Label]) -> list[str]:
        """Emotions that have causes here, and had none in training."""
        return sorted({x.emotion for x in labels if x.causes and x.emotion} - set(self.classes))

    def tallies(self, truth: Numbers, predicted: Numbers) -> Numbers:
        """Per utterance and emotion the pairs annotated, predicted and correct: `(..., N, 3 C)`."""
        true = np.where(self.labelled(truth)[:, None], truth, 0.0)
        numbers = np.arange(len(self.classes))
        pairs = (predicted[..., 1:-1] > BORDER).astype(float)
        predicted_emotion = (predicted[..., 0, None] == numbers) & self.labelled(truth)[:, None]
        true_emotion = (truth[:, 0, None] == numbers) & self.labelled(truth)[:, None]
        support = true_emotion * true[:, 1:].sum(axis=-1)[:, None]
        num_predicted = predicted_emotion * pairs.sum(axis=-1)[..., None]
        same_pairs = (true[:, 1:-1] * pairs).sum(axis=-1)[..., None]
        correct = (predicted_emotion & true_emotion) * same_pairs
        return np.concatenate(
            [np.broadcast_to(support, correct.shape), num_predicted, correct], axis=-1
        )

    def scores(self, totals: Numbers) -> dict[str, Numbers]:
        """The six figures of the task: weighted over emotions, and over all pairs together."""
        support, predicted, correct = self.by_class(totals)
        count = support.sum(axis=-1)
        weighted = {
            "pair_weighted_f1": ratio(2 * correct, support + predicted),
            "pair_weighted_precision": ratio(correct, predicted),
            "pair_weighted_recall": ratio(correct, support),
        }
        all_predicted, all_correct = predicted.sum(axis=-1), correct.sum(axis=-1)
        return {
            **{name: ratio((v * support).sum(axis=-1), count) for name, v in weighted.items()},
            "pair_f1": ratio(2 * all_correct, count + all_predicted),
            "pair_precision": ratio(all_correct, all_predicted),
            "pair_recall": ratio(all_correct, count),
        }

    def by_class(self, totals: Numbers) -> ClassSums:
        """Sums of every emotion."""
        return ClassSums(*np.split(totals, 3, axis=-1))

    def majority(self, train: Sequence[Label], num_utterances: int) -> Numbers:
        """Every utterance has the emotion of most pairs, and its cause where most causes are."""
        truth = self.truth(train)
        truth = truth[self.labelled(truth)]
        emotions = truth[truth[:, 0] != UNKNOWN, 0].astype(int)
        row = np.zeros(self.width + 2)
        row[0] = np.bincount(emotions, minlength=len(self.classes)).argmax()
        row[1 + truth[:, 1:-1].sum(axis=0).argmax()] = 1
        return np.tile(row, (num_utterances, 1))

    def as_json(self, prediction: Numbers) -> dict[str, Any]:
        """The emotion, and how many turns before each cause was said (0: here, -1: the next)."""
        causes = [int(place) - self.later for place in np.flatnonzero(prediction[1:-1] > BORDER)]
        return {"predicted": self._emotion(prediction) if causes else None, "causes": causes}

    def decided_by(self, prediction: Numbers) -> dict[str, Any]:
        """What a prediction was decided by: the likeliest emotion, and the strengths by turns."""
        strengths = prediction[1:-1]
        possible = np.flatnonzero(strengths >= LEAST_STRENGTH).tolist()
        by_turns = {str(n - self.later): round(float(strengths[n]), 6) for n in possible}
        return {"likeliest": self._emotion(prediction), "strengths": by_turns}

    def _emotion(self, prediction: Numbers) -> str | None:
        return None if prediction[0] == UNKNOWN else self.classes[int(prediction[0])]

    def from_json(self, prediction: Mapping[str, Any]) -> Numbers:
        """The row, with the strengths where they are there."""
        row = np.zeros(self.width + 2)
        emotion = prediction.get("likeliest", prediction["predicted"])
        row[0] = UNKNOWN if emotion is None else self.classes.index(emotion)
        certain = dict.fromkeys(prediction["causes"], 1.0)
        for turns, strength in prediction.get("strengths", certain).items():
            row[self._column(int(turns))] = strength
        return row


def recentred(probabilities: Numbers, threshold: float) -> Numbers:
    """Probabilities as strengths: what is at the threshold comes to BORDER, by a shift of odds."""
    likely, unlikely = probabilities * (1 - threshold), (1 - probabilities) * threshold
    return np.asarray(likely / np.maximum(likely + unlikely, np.finfo(float).tiny))


def distances(labels: Sequence[Label]) -> list[list[int | None] | None]:
    """For each utterance how many turns before it each of its causes was said.

    None for a cause that is not in its dialogue; None in place of the list where causes are not
    labelled. An utterance may occur several times, as in the dev sets of several folds.
    """
    once = list({label.id: label for label in labels}.values())
    turns = {
        once[place].id: (group, turn)
        for group, places in enumerate(in_order(once))
        for turn, place in enumerate(places)
    }

    def turns_before(label: Label, cause: str) -> int | None:
        group, turn = turns[label.id]
        group_of_cause, turn_of_cause = turns.get(cause, (None, 0))
        return turn - turn_of_cause if group_of_cause == group else None

    return [None if x.causes is None else [turns_before(x, c) for c in x.causes] for x in labels]
