"""The distribution of annotators' votes, and how far predictions are from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from features.manifest import Label
from train.scoring.measure import Numbers, ratio

LEAST = 1e-12


@dataclass(frozen=True)
class VoteMeasure:
    """The shares of votes that each of `names` has, for the class label `of`.

    Votes for other classes are left out. Truth `(N, C)`, NaN where an utterance has no votes, or
    most of them for other classes, and predictions `(..., N, C)` are distributions. The figures are
    the Kullback-Leibler divergence of the predictions from the votes, and the Jensen-Shannon
    divergence between them (Lin 1991), both in nats, means over utterances: 0 where they are equal.
    """

    of: str
    names: tuple[str, ...]
    task: str
    kind: ClassVar[str] = "votes"
    classes: ClassVar[None] = None

    @property
    def name(self) -> str:
        """Such as ``emotion_votes``."""
        return f"{self.of}_votes"

    @property
    def label(self) -> str:
        """The field of the labels."""
        return self.name

    def truth(self, labels: Sequence[Label]) -> Numbers:
        """Shares `(N, C)`."""
        return np.array([vote_shares(getattr(x, self.name), self.names) for x in labels], float)

    def labelled(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances have votes, `(N,)`."""
        return np.isfinite(truth[:, 0])

    def unseen_classes(self, labels: Sequence[Label]) -> list[str]:
        """Votes for other classes are left out."""
        return []

    def tallies(self, truth: Numbers, predicted: Numbers) -> Numbers:
        """Per utterance 1 and both divergences, `(..., N, 3)`."""
        labelled = self.labelled(truth)
        votes = np.where(labelled[:, None], truth, 1 / len(self.names))
        middle = (votes + predicted) / 2
        between = (_divergence(votes, middle) + _divergence(predicted, middle)) / 2
        figures = np.stack([_divergence(votes, predicted), between], axis=-1)
        one = np.ones((*figures.shape[:-1], 1))
        return np.asarray(np.concatenate([one, figures], axis=-1) * labelled[:, None])

    def scores(self, totals: Numbers) -> dict[str, Numbers]:
        """The means of both divergences."""
        count, from_votes, between = np.moveaxis(totals, -1, 0)
        return {"kl": ratio(from_votes, count), "jensen_shannon": ratio(between, count)}

    def by_class(self, totals: Numbers) -> None:
        """There are no figures of single classes."""

    def majority(self, train: Sequence[Label], num_utterances: int) -> Numbers:
        """Always the mean distribution of the training split."""
        return np.tile(np.nanmean(self.truth(train), axis=0), (num_utterances, 1))

    def as_json(self, prediction: Numbers) -> dict[str, Any]:
        """The class with the largest share, and the share of each."""
        shares = {n: round(float(p), 6) for n, p in zip(self.names, prediction, strict=True)}
        return {"predicted": self.names[int(prediction.argmax())], "probabilities": shares}

    def from_json(self, prediction: Mapping[str, Any]) -> Numbers:
        """The shares, as they were rounded."""
        return np.array([prediction["probabilities"][name] for name in self.names], float)


def vote_shares(votes: Mapping[str, float] | None, names: Sequence[str]) -> list[float]:
    """The share that each of some classes has of the votes for them.

    NaN where there is none, and where most votes are for other classes.
    """
    votes = votes or {}
    counts = [float(votes.get(name, 0.0)) for name in names]
    total = sum(counts)
    if not total or total < sum(votes.values()) / 2:
        return [np.nan] * len(counts)
    return [count / total for count in counts]


def _divergence(one: Numbers, other: Numbers) -> Numbers:
    """The Kullback-Leibler divergence of distributions in the last axis."""
    logs = np.log(np.maximum(one, LEAST)) - np.log(np.maximum(other, LEAST))
    return np.asarray((one * logs).sum(axis=-1))
