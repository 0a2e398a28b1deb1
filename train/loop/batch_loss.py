"""The loss of one batch, with augmentation, mixing and weights."""

from collections.abc import Mapping

import torch
from torch import Tensor

from features.specs.training import TrainingSpec
from train.data.augment import augmented, mixed
from train.data.dialogues import Turns
from train.data.masking import Padded, Steps, padded
from train.model.contracts import Encoded
from train.model.head import Head


def batch_loss(
    head: Head,
    training: TrainingSpec,
    batch: Mapping[str, Steps],
    turns: Turns,
    targets: Mapping[str, Tensor],
    difficulty: Tensor | None,
) -> Tensor:
    """The losses of a head's tasks and objectives for a batch, as one number.

    `turns`, `targets` and `difficulty` are those of the batch's utterances. Networks run in the
    training's number format, losses in float32.
    """
    reduced = training.precision == "bfloat16"
    device = next(iter(batch.values())).mask.device
    partner, share = None, 1.0
    with torch.autocast(device.type, torch.bfloat16, enabled=reduced):
        tracks = head.standardised(batch)
        if training.augment:
            tracks = {**augmented(training.augment, _padded(tracks))}
        if training.mixup:
            mixture, partner, share = mixed(_padded(tracks), training.mixup)
            tracks = {**mixture}
        encoded = head.encode(tracks, turns)
        outputs = {name: output.float() for name, output in head.outputs(encoded).items()}
        encoded = _in_float32(encoded)
    scale = None
    if training.scale_loss and difficulty is not None:
        scale = 1 + training.scale_loss * difficulty
    losses = _task_losses(head, outputs, targets, scale)
    if partner is not None:
        partner_targets = {name: values[partner] for name, values in targets.items()}
        partner_scale = None if scale is None else scale[partner]
        partner_losses = _task_losses(head, outputs, partner_targets, partner_scale)
        losses = share * losses + (1 - share) * partner_losses
    total = head.total(losses)
    encoded = encoded._replace(outputs=outputs)
    for name, objective in head.objectives.items():
        total = total + objective.weight * objective(encoded, targets[name])
    return total


def _padded(tracks: Mapping[str, Steps]) -> dict[str, Padded]:
    return {name: padded(track) for name, track in tracks.items()}


def _in_float32(encoded: Encoded) -> Encoded:
    tracks = {name: Padded(t.values.float(), t.mask) for name, t in encoded.tracks.items()}
    return encoded._replace(tracks=tracks, fused=encoded.fused.float())


def _task_losses(
    head: Head, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor], scale: Tensor | None
) -> Tensor:
    return torch.stack(
        [head.tasks[name].loss(output, targets[name], scale) for name, output in outputs.items()]
    )
