"""Which utterances cause the emotion of which, and the figures of such pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from features.manifest import Label
from train.data.dialogues import in_order
from train.scoring.measure import UNKNOWN, ClassSums, Numbers, ratio


@dataclass(frozen=True)
class PairMeasure:
    """Pairs of an utterance with an emotion of `classes`, and one that causes it.

    Causes are looked for from `earlier` turns before to `later` turns after. Truth `(N, W + 2)` and
    predictions `(..., N, W + 2)` have for each utterance: the number of its emotion (UNKNOWN where
    it has no cause); a 1 for every cause, from `later` turns after to `earlier` turns before; and
    the number of causes out of reach, which nobody can predict. Where causes are not labelled the
    truth is NaN.

    The figures are those of SemEval-2024 Task 3, sub-task 2 (Wang et al. 2024): a pair is right
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
        found = np.zeros((len(labels), self.width + 2))
        found[:, 0] = UNKNOWN
        for row, apart in enumerate(distances(labels)):
            if apart is None or (apart and labels[row].emotion is None):
                found[row] = np.nan
            elif apart and labels[row].emotion in self.classes:
                found[row, 0] = self.classes.index(str(labels[row].emotion))
                for turns in apart:
                    found[row, self._column(turns)] += 1
        return found

    def _column(self, turns: int | None) -> int:
        """Where a cause so many turns before is told."""
        if turns is None or not -self.later <= turns <= self.earlier:
            return -1
        return 1 + turns + self.later

    def known(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances are labelled, `(N,)`."""
        return np.isfinite(truth[:, 0])

    def foreign(self, labels: Sequence[Label]) -> list[str]:
        """Emotions that have causes here, and had none in training."""
        return sorted({x.emotion for x in labels if x.causes and x.emotion} - set(self.classes))

    def tallies(self, truth: Numbers, predicted: Numbers) -> Numbers:
        """Per utterance and emotion the pairs annotated, predicted, and right: `(..., N, 3 C)`."""
        true = np.where(self.known(truth)[:, None], truth, 0.0)
        numbers = np.arange(len(self.classes))
        ours = (predicted[..., 0, None] == numbers) & self.known(truth)[:, None]
        theirs = (truth[:, 0, None] == numbers) & self.known(truth)[:, None]
        support = theirs * true[:, 1:].sum(axis=-1)[:, None]
        guessed = ours * predicted[..., 1:-1].sum(axis=-1)[..., None]
        right = (ours & theirs) * (true[:, 1:-1] * predicted[..., 1:-1]).sum(axis=-1)[..., None]
        return np.concatenate([np.broadcast_to(support, right.shape), guessed, right], axis=-1)

    def scores(self, totals: Numbers) -> dict[str, Numbers]:
        """The six figures of the task: weighted over emotions, and over all pairs together."""
        support, guessed, right = self.by_class(totals)
        count = support.sum(axis=-1)
        weighted = {
            "pair_weighted_f1": ratio(2 * right, support + guessed),
            "pair_weighted_precision": ratio(right, guessed),
            "pair_weighted_recall": ratio(right, support),
        }
        all_guessed, all_right = guessed.sum(axis=-1), right.sum(axis=-1)
        return {
            **{name: ratio((v * support).sum(axis=-1), count) for name, v in weighted.items()},
            "pair_f1": ratio(2 * all_right, count + all_guessed),
            "pair_precision": ratio(all_right, all_guessed),
            "pair_recall": ratio(all_right, count),
        }

    def by_class(self, totals: Numbers) -> ClassSums:
        """Sums of every emotion."""
        return ClassSums(*np.split(totals, 3, axis=-1))

    def majority(self, train: Sequence[Label], num_utterances: int) -> Numbers:
        """Every utterance has the emotion of most pairs, and its cause where most causes are."""
        truth = self.truth(train)
        truth = truth[self.known(truth)]
        emotions = truth[truth[:, 0] != UNKNOWN, 0].astype(int)
        row = np.zeros(self.width + 2)
        row[0] = np.bincount(emotions, minlength=len(self.classes)).argmax()
        row[1 + truth[:, 1:-1].sum(axis=0).argmax()] = 1
        return np.tile(row, (num_utterances, 1))

    def told(self, value: Numbers) -> dict[str, Any]:
        """The emotion, and how many turns before each cause was said (0: here, -1: the next)."""
        causes = [int(place) - self.later for place in np.flatnonzero(value[1:-1])]
        return {"predicted": self.classes[int(value[0])] if causes else None, "causes": causes}

    def read(self, told: Mapping[str, Any]) -> Numbers:
        """The row that was told."""
        row = np.zeros(self.width + 2)
        named = told["predicted"]
        row[0] = UNKNOWN if named is None else self.classes.index(named)
        row[[self._column(turns) for turns in told["causes"]]] = 1
        return row


def distances(labels: Sequence[Label]) -> list[list[int | None] | None]:
    """For each utterance how many turns before it each of its causes was said.

    None for a cause that is not in its dialogue; None in place of all where they are not labelled.
    An utterance may be there several times, as in the dev parts of several folds.
    """
    once = list({label.id: label for label in labels}.values())
    turns = {
        once[place].id: (group, turn)
        for group, places in enumerate(in_order(once))
        for turn, place in enumerate(places)
    }

    def apart(label: Label, cause: str) -> int | None:
        group, turn = turns[label.id]
        there, said = turns.get(cause, (None, 0))
        return turn - said if there == group else None

    return [None if x.causes is None else [apart(x, c) for c in x.causes] for x in labels]
