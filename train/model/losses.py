"""Losses of one task over labelled utterances, each a mean in which every one has a weight."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
# Keeps roots and quotients finite where predictions are exact or all the same.
TINY = 1e-8


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """The mean of `values (N,)` with weights `(N,)`."""
    return (weights * values).sum() / weights.sum().clamp_min(TINY)


def focal(
    logits: Tensor, targets: Tensor, weight: Tensor, label_smoothing: float, gamma: float
) -> Tensor:
    """Cross-entropy of each utterance `(N,)` that gives less weight to well-classified ones.

    It is multiplied by `(1 - p) ** gamma`, p the probability of the utterance's class (Lin et al.
    2017); with gamma 0 it is the cross-entropy. `logits (N, C)`, `weight (C,)`; `targets` are class
    numbers `(N,)`, or shares `(N, C)`, whose p is the mean over them.
    """
    plain = nn.functional.cross_entropy(
        logits, targets, weight, label_smoothing=label_smoothing, reduction="none"
    )
    if gamma == 0:
        return plain
    probabilities = logits.softmax(dim=1)
    if targets.dim() == 2:
        likely = (probabilities * targets).sum(dim=1)
    else:
        likely = probabilities.gather(1, targets[:, None])[:, 0]
    return (1 - likely) ** gamma * plain


def mse(predicted: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Mean squared error."""
    return weighted_mean((predicted - truth).square(), weights)


def rmse(predicted: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Root of the mean squared error of the batch."""
    return (mse(predicted, truth, weights) + TINY).sqrt()


def mae(predicted: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute error."""
    return weighted_mean((predicted - truth).abs(), weights)


def huber(predicted: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Squared error up to one deviation of the training labels, absolute beyond (Huber 1964)."""
    each = nn.functional.huber_loss(predicted, truth, reduction="none")
    return weighted_mean(each, weights)


def ccc(predicted: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """One minus the concordance correlation (Lin 1989) of the batch."""
    means = weighted_mean(predicted, weights), weighted_mean(truth, weights)
    centred = predicted - means[0], truth - means[1]
    covariance = weighted_mean(centred[0] * centred[1], weights)
    spread = weighted_mean(centred[0].square() + centred[1].square(), weights)
    return 1 - 2 * covariance / (spread + (means[0] - means[1]).square() + TINY)


NUMBER_LOSSES: dict[str, Loss] = {"mse": mse, "rmse": rmse, "mae": mae, "huber": huber, "ccc": ccc}


class Uncertainty(nn.Module):
    """Weights of several tasks, learned as `exp(-s)` of each one's log variance s.

    Kendall, Gal and Cipolla (2018), in the form that serves classes and numbers alike: the loss is
    the sum of `exp(-s) * loss + s`, s at first 0.
    """

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        self.log_variances = nn.Parameter(torch.zeros(num_tasks))

    def forward(self, losses: Tensor) -> Tensor:
        """The weighted sum of the tasks' losses `(num_tasks,)`."""
        return (torch.exp(-self.log_variances) * losses + self.log_variances).sum()
