"""Losses of one task over labelled utterances, each a mean."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
# Keeps roots and quotients finite where predictions are exact or all the same.
TINY = 1e-8


def focal(
    logits: Tensor, targets: Tensor, weight: Tensor, label_smoothing: float, gamma: float
) -> Tensor:
    """Cross-entropy that looks away from what is known well (Lin et al. 2017).

    Each utterance's cross-entropy is multiplied by `(1 - p) ** gamma`, p the probability of its
    class; with gamma 0 it is the cross-entropy. `logits (N, C)`, `targets (N,)`, `weight (C,)`.
    """
    plain = nn.functional.cross_entropy(
        logits, targets, weight, label_smoothing=label_smoothing, reduction="none"
    )
    likely = logits.softmax(dim=1).gather(1, targets[:, None])[:, 0]
    return ((1 - likely) ** gamma * plain).sum() / weight[targets].sum().clamp_min(TINY)


def mse(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error."""
    return nn.functional.mse_loss(predicted, truth)


def rmse(predicted: Tensor, truth: Tensor) -> Tensor:
    """Root of the mean squared error of the batch."""
    return (nn.functional.mse_loss(predicted, truth) + TINY).sqrt()


def mae(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error."""
    return nn.functional.l1_loss(predicted, truth)


def huber(predicted: Tensor, truth: Tensor) -> Tensor:
    """Squared error up to one deviation of the training labels, absolute beyond (Huber 1964)."""
    return nn.functional.huber_loss(predicted, truth)


def ccc(predicted: Tensor, truth: Tensor) -> Tensor:
    """One minus the concordance correlation (Lin 1989) of the batch."""
    means = predicted.mean(), truth.mean()
    covariance = ((predicted - means[0]) * (truth - means[1])).mean()
    spread = predicted.var(correction=0) + truth.var(correction=0)
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
