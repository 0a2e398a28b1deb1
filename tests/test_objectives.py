"""Losses that predict nothing: worked out by hand, and held to what every part of a head is."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from features.errors import ProjectError
from features.leaves import leaf_names, leaf_parameters, load_leaf
from features.manifest import Label
from features.specs.tracks import LeafSpec
from tests.test_heads import CLASSES, DIMS, head_spec, tracks
from train.data.dialogues import alone
from train.data.masking import Padded
from train.loop.batch_loss import batch_loss
from train.model.contracts import Encoded
from train.model.head import Head
from train.objectives import info_nce, speaker_adversarial, supervised_contrastive

NAMES = leaf_names("train/objectives")
LABELS = [
    Label(str(n), emotion=CLASSES[n % 3], speaker=f"s{n % 2}") for n in range(5)
] + [Label("5")]  # fmt: skip


def one_step(rows: list[list[float]]) -> Padded:
    values = torch.tensor(rows)[:, None]
    return Padded(values, torch.ones(values.shape[:2], dtype=torch.bool))


def built(name: str) -> tuple[Head, dict[str, torch.Tensor]]:
    """A head with one objective, and the targets of its labels."""
    defaults = {p.name: p.default for p in leaf_parameters("train/objectives", name, "Objective")}
    spec = replace(head_spec("pooling", "mean", {}), objectives={name: LeafSpec(name, defaults)})
    facts = {"emotion": {"classes": CLASSES, "counts": [2, 2, 1]}}
    facts[name] = load_leaf("train/objectives", name).facts(LABELS)
    torch.manual_seed(0)
    head = Head(spec, DIMS, facts)
    parts = {**head.tasks, **head.objectives}
    return head, {key: part.targets(LABELS) for key, part in parts.items()}


def loss_of(head: Head, targets: dict[str, torch.Tensor], batch: Any) -> torch.Tensor:
    training = head_spec("pooling", "mean", {}).training
    return batch_loss(head.eval(), training, batch, alone(len(batch["text"].mask)), targets, None)


@pytest.mark.parametrize("name", NAMES)
def test_garbage_in_padding_changes_no_objective(name: str) -> None:
    head, targets = built(name)
    clean = tracks(6, lengths=[7, 3, 1, 5, 2, 0])
    dirty = {
        key: Padded(t.values.masked_fill(~t.mask[..., None, None], float("nan")), t.mask)
        for key, t in clean.items()
    }
    assert torch.equal(loss_of(head, targets, dirty), loss_of(head, targets, clean))


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_moves_its_own_parameters_and_the_head(name: str) -> None:
    head, targets = built(name)
    loss_of(head, targets, tracks(6, lengths=[7, 3, 1, 5, 2, 0])).backward()
    for key, parameter in head.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), key
    own = [p.grad.abs().sum() for p in head.objectives.parameters() if p.grad is not None]
    assert own and all(float(value) > 0 for value in own)


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_is_taken_in_float32_of_a_network_in_bfloat16(name: str) -> None:
    head, targets = built(name)
    batch = tracks(6, lengths=[7, 3, 1, 5, 2, 0])
    training = replace(head_spec("pooling", "mean", {}).training, precision="bfloat16")
    half = batch_loss(head.eval(), training, batch, alone(len(batch["text"].mask)), targets, None)
    assert half.dtype == torch.float32
    assert float(half.detach()) == pytest.approx(
        float(loss_of(head, targets, batch).detach()), rel=0.05
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_says_nothing_and_is_finite(name: str) -> None:
    head, targets = built(name)
    rows = torch.tensor([5])  # without any label
    loss = loss_of(head, {key: values[rows] for key, values in targets.items()}, tracks(1))
    assert float(loss.detach()) == 0


def test_info_nce_is_low_where_modalities_agree() -> None:
    objective = info_nce.Objective(2, 2, ["audio", "text"], {}, temperature=1.0, width=2)
    for project in objective.projections.values():
        project.weight.data.copy_(torch.eye(2))
        project.bias.data.zero_()
    apart = [[1.0, 0.0], [0.0, 1.0]]
    agreed = Encoded(
        {"audio": one_step(apart), "text": one_step(apart)}, torch.zeros(2, 2), alone(2)
    )
    turned = Encoded(
        {"audio": one_step(apart), "text": one_step(apart[::-1])}, torch.zeros(2, 2), alone(2)
    )
    # One pair of vectors is alike (1), the other is not (0).
    assert float(objective(agreed, None).detach()) == pytest.approx(math.log(1 + math.exp(-1)))
    assert float(objective(turned, None).detach()) == pytest.approx(math.log(1 + math.exp(1)))


def test_contrast_is_low_where_classes_lie_together() -> None:
    told = {"emotion": ["anger", "joy"]}
    objective = supervised_contrastive.Objective(2, 2, ["text"], told, temperature=1.0, width=2)
    objective.project.weight.data.copy_(torch.eye(2))
    objective.project.bias.data.zero_()
    fused = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    together = objective(Encoded({}, fused, alone(len(fused))), torch.tensor([0, 0, 1, 1]))
    # Each has one partner at 1 and two others at 0.
    assert float(together.detach()) == pytest.approx(-math.log(math.e / (math.e + 2)))
    mixed = objective(Encoded({}, fused, alone(len(fused))), torch.tensor([0, 1, 0, 1]))
    assert float(mixed.detach()) == pytest.approx(-math.log(1 / (math.e + 2)))


def test_the_gradient_of_the_speaker_is_turned_round() -> None:
    told = {"speakers": ["a", "b"]}
    objective = speaker_adversarial.Objective(2, 2, ["text"], told, reversal=0.5)
    fused = torch.randn(4, 2, requires_grad=True)
    targets = objective.targets([Label("1", speaker=name) for name in ("a", "b", "a", "b")])
    objective(Encoded({}, fused, alone(len(fused))), targets).backward()
    plain = fused.detach().requires_grad_()
    torch.nn.functional.cross_entropy(objective.output(plain), targets).backward()
    assert fused.grad is not None and plain.grad is not None
    assert torch.allclose(fused.grad, -0.5 * plain.grad)


def test_a_label_without_two_classes_cannot_be_contrasted() -> None:
    leaf = load_leaf("train/objectives", "supervised-contrastive")
    alike = leaf.facts([Label("a", emotion="joy"), Label("b", emotion="joy")])
    with pytest.raises(ValueError, match="no two classes of 'emotion', the label of an objective"):
        leaf.Objective(8, 8, ["text"], alike)


def test_speakers_nobody_knows_are_named() -> None:
    with pytest.raises(ProjectError, match="needs two speakers, and 0 are known"):
        speaker_adversarial.facts([Label("a"), Label("b")])
