"""The loss of one batch, with all that happens to it in training."""

from collections.abc import Mapping

import torch
from torch import Tensor

from features.specs.training import TrainingSpec
from train.data.augment import augmented, mixed
from train.data.dialogues import Turns
from train.data.masking import Padded
from train.model.contracts import Encoded
from train.model.head import Head


def batch_loss(
    head: Head,
    training: TrainingSpec,
    batch: Mapping[str, Padded],
    turns: Turns,
    targets: Mapping[str, Tensor],
    difficulty: Tensor | None,
) -> Tensor:
    """What the tasks and objectives of a head say about a batch, as one number.

    `turns`, `targets` and `difficulty` are those of the batch's utterances. Networks run in the
    training's number format, losses in float32.
    """
    half = training.precision == "bfloat16"
    device = next(iter(batch.values())).mask.device
    partner, share = None, 1.0
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        tracks = augmented(training.augment, head.standardised(batch))
        if training.mixup:
            tracks, partner, share = mixed(tracks, training.mixup)
        encoded = head.encode(tracks, turns)
        outputs = {name: output.float() for name, output in head.answer(encoded).items()}
        encoded = _in_float32(encoded)
    scale = None
    if training.scale_loss and difficulty is not None:
        scale = 1 + training.scale_loss * difficulty
    losses = _task_losses(head, outputs, targets, scale)
    if partner is not None:
        theirs = {name: values[partner] for name, values in targets.items()}
        other = None if scale is None else scale[partner]
        losses = share * losses + (1 - share) * _task_losses(head, outputs, theirs, other)
    total = head.total(losses)
    for name, objective in head.objectives.items():
        total = total + objective.weight * objective(encoded, targets[name])  # type: ignore[operator]
    return total


def _in_float32(encoded: Encoded) -> Encoded:
    tracks = {name: Padded(t.values.float(), t.mask) for name, t in encoded.tracks.items()}
    return encoded._replace(tracks=tracks, fused=encoded.fused.float())


def _task_losses(
    head: Head, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor], scale: Tensor | None
) -> Tensor:
    return torch.stack(
        [head.tasks[name].loss(output, targets[name], scale) for name, output in outputs.items()]  # type: ignore[operator]
    )
