"""Dropout that grows while a head is trained."""

from torch import nn

from features.specs.training import TrainingSpec


def dropout_at(training: TrainingSpec, dropout: float, epoch: int) -> float:
    """The dropout of an epoch (from 1): that of the head, then on a line to what is raised to."""
    later = training.raise_dropout
    if later is None or epoch <= later.after:
        return dropout
    done = (epoch - later.after) / (training.epochs - later.after)
    return dropout + (later.to - dropout) * done


def set_dropout(network: nn.Module, dropout: float) -> None:
    """Set the dropout of every layer that has some."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
        elif isinstance(module, nn.MultiheadAttention) or (
            isinstance(module, nn.RNNBase) and module.num_layers > 1
        ):
            module.dropout = dropout
