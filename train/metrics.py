"""Scores of predicted classes, by their names in full, as fractions."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import f1_score, recall_score

Scores = dict[str, float]


def class_scores(truth: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Weighted and macro F1, unweighted accuracy (mean recall) and accuracy.

    Averages run over the classes that occur in the truth; a class that is never predicted
    right counts 0.
    """
    classes = sorted(set(truth))
    options = {"labels": classes, "zero_division": 0.0}
    return {
        "weighted_f1": float(f1_score(truth, predicted, average="weighted", **options)),
        "macro_f1": float(f1_score(truth, predicted, average="macro", **options)),
        "unweighted_accuracy": float(recall_score(truth, predicted, average="macro", **options)),
        "accuracy": float(np.mean(np.array(truth) == np.array(predicted))),
    }


def majority_scores(train_truth: Sequence[str], truth: Sequence[str]) -> Scores:
    """The scores of always predicting the commonest class of the training part."""
    commonest = min(Counter(train_truth).items(), key=lambda item: (-item[1], item[0]))[0]
    return class_scores(truth, [commonest] * len(truth))


def over_seeds(scores: Sequence[Scores]) -> dict[str, dict[str, float | list[float]]]:
    """Per metric: mean and sample standard deviation (0 for one seed) and each seed's value."""
    summary: dict[str, dict[str, float | list[float]]] = {}
    for name in scores[0]:
        values = [score[name] for score in scores]
        std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        summary[name] = {"mean": float(np.mean(values)), "std": std, "seeds": values}
    return summary


def confusion(pairs: Sequence[tuple[str, str]], classes: Sequence[str]) -> list[list[int]]:
    """Counts of (truth, predicted): a row per true class, a column per predicted one."""
    counts: Mapping[tuple[str, str], int] = Counter(pairs)
    return [[counts.get((true, guess), 0) for guess in classes] for true in classes]
