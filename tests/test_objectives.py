"""Auxiliary objectives: worked out by hand, and conforming as every module of a head does."""

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
from train.data.dialogues import single_utterances
from train.data.masking import Padded
from train.loop.batch_loss import batch_loss
from train.model.contracts import Encoded
from train.model.head import Head
from train.objectives import distil, info_nce, speaker_adversarial, supervised_contrastive

NAMES = leaf_names("train/objectives")
LABELS = [
    Label(str(n), emotion=CLASSES[n % 3], speaker=f"s{n % 2}") for n in range(5)
] + [Label("5")]  # fmt: skip


def one_step(rows: list[list[float]]) -> Padded:
    values = torch.tensor(rows)[:, None]
    return Padded(values, torch.ones(values.shape[:2], dtype=torch.bool))


def build(name: str) -> tuple[Head, dict[str, torch.Tensor]]:
    """A head with one objective, and the targets of its labels."""
    defaults = {p.name: p.default for p in leaf_parameters("train/objectives", name, "Objective")}
    spec = replace(head_spec("pooling", "mean", {}), objectives={name: LeafSpec(name, defaults)})
    facts = {"emotion": {"classes": CLASSES, "counts": [2, 2, 1]}}
    facts[name] = load_leaf("train/objectives", name).Objective.facts(LABELS)
    torch.manual_seed(0)
    head = Head(spec, DIMS, facts)
    modules = {**head.tasks, **head.objectives}
    return head, {key: module.targets(LABELS) for key, module in modules.items()}


def loss_of(
    head: Head, targets: dict[str, torch.Tensor], batch: Any, precision: Any = "float32"
) -> torch.Tensor:
    training = replace(head_spec("pooling", "mean", {}).training, precision=precision)
    turns = single_utterances(len(batch["text"].mask))
    return batch_loss(head.eval(), training, batch, turns, targets, None)


@pytest.mark.parametrize("name", NAMES)
def test_garbage_in_padding_changes_no_objective(name: str) -> None:
    head, targets = build(name)
    clean = tracks(6, lengths=[7, 3, 1, 5, 2, 0])
    dirty = {
        key: Padded(t.values.masked_fill(~t.mask[..., None, None], float("nan")), t.mask)
        for key, t in clean.items()
    }
    assert torch.equal(loss_of(head, targets, dirty), loss_of(head, targets, clean))


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_has_gradients_for_its_parameters_and_for_the_head(name: str) -> None:
    head, targets = build(name)
    loss_of(head, targets, tracks(6, lengths=[7, 3, 1, 5, 2, 0])).backward()
    for key, parameter in head.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), key
    own = [p.grad.abs().sum() for p in head.objectives.parameters() if p.grad is not None]
    assert all(float(value) > 0 for value in own) and (own or name == "distil")


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_is_computed_in_float32_even_for_a_network_in_bfloat16(name: str) -> None:
    head, targets = build(name)
    batch = tracks(6, lengths=[7, 3, 1, 5, 2, 0])
    loss = loss_of(head, targets, batch, precision="bfloat16")
    assert loss.dtype == torch.float32
    expected = float(loss_of(head, targets, batch).detach())
    assert float(loss.detach()) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_unlabelled_utterance_has_a_loss_of_zero(name: str) -> None:
    head, targets = build(name)
    rows = torch.tensor([5])  # without any label
    loss = loss_of(head, {key: values[rows] for key, values in targets.items()}, tracks(1))
    assert float(loss.detach()) == 0


def test_info_nce_is_low_where_modalities_agree() -> None:
    objective = info_nce.Objective(2, 2, ["audio", "text"], {}, temperature=1.0, width=2)
    for project in objective.projections.values():
        project.weight.data.copy_(torch.eye(2))
        project.bias.data.zero_()
    vectors = [[1.0, 0.0], [0.0, 1.0]]

    def loss(text: list[list[float]]) -> float:
        steps = {"audio": one_step(vectors), "text": one_step(text)}
        encoded = Encoded(steps, torch.zeros(2, 2), single_utterances(2))
        return float(objective(encoded, None).detach())

    # Equal vectors have a similarity of 1, the others of 0.
    assert loss(vectors) == pytest.approx(math.log(1 + math.exp(-1)))
    assert loss(vectors[::-1]) == pytest.approx(math.log(1 + math.exp(1)))


def test_supervised_contrast_is_low_where_vectors_cluster_by_class() -> None:
    facts = {"emotion": ["anger", "joy"]}
    objective = supervised_contrastive.Objective(2, 2, ["text"], facts, temperature=1.0, width=2)
    objective.project.weight.data.copy_(torch.eye(2))
    objective.project.bias.data.zero_()
    fused = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    encoded = Encoded({}, fused, single_utterances(len(fused)))
    clustered = objective(encoded, torch.tensor([0, 0, 1, 1]))
    # Each vector has a similarity of 1 with one other, and of 0 with two.
    assert float(clustered.detach()) == pytest.approx(-math.log(math.e / (math.e + 2)))
    mixed = objective(encoded, torch.tensor([0, 1, 0, 1]))
    assert float(mixed.detach()) == pytest.approx(-math.log(1 / (math.e + 2)))


def test_the_gradient_of_the_speaker_classifier_is_reversed() -> None:
    facts = {"speakers": ["a", "b"]}
    objective = speaker_adversarial.Objective(2, 2, ["text"], facts, reversal=0.5)
    fused = torch.randn(4, 2, requires_grad=True)
    targets = objective.targets([Label("1", speaker=name) for name in ("a", "b", "a", "b")])
    objective(Encoded({}, fused, single_utterances(len(fused))), targets).backward()
    plain = fused.detach().requires_grad_()
    torch.nn.functional.cross_entropy(objective.output(plain), targets).backward()
    assert fused.grad is not None and plain.grad is not None
    assert torch.allclose(fused.grad, -0.5 * plain.grad)


def test_distillation_by_hand() -> None:
    facts = {"emotion": ["anger", "joy"]}
    objective = distil.Objective(2, 2, ["text"], facts, temperature=2.0)

    def loss(teacher: Any, logits: Any) -> torch.Tensor:
        outputs = {"emotion": logits}
        encoded = Encoded({}, torch.zeros(3, 2), single_utterances(3), outputs=outputs)
        made: torch.Tensor = objective(encoded, torch.as_tensor(teacher))
        return made

    # Of the third utterance the teacher says nothing.
    teacher = torch.tensor([[0.8, 0.2], [0.5, 0.5], [float("nan"), float("nan")]])
    logits = torch.tensor([[0.0, 0.0], [3.0, 1.0], [9.0, -9.0]], requires_grad=True)
    made = loss(teacher, logits)
    # Softened by 2, odds of 4 are odds of 2, and logits 2 apart are odds of e.
    student = math.e / (1 + math.e)
    first = 2 / 3 * math.log(2 / 3 / 0.5) + 1 / 3 * math.log(1 / 3 / 0.5)
    second = 0.5 * math.log(0.5 / student) + 0.5 * math.log(0.5 / (1 - student))
    assert float(made.detach()) == pytest.approx(4 * (first + second) / 2, rel=1e-5)
    made.backward()
    assert logits.grad is not None and bool(logits.grad.isfinite().all())
    assert float(logits.grad[2].abs().sum()) == 0
    assert float(loss(torch.full((3, 2), float("nan")), logits.detach())) == 0
    certain = torch.tensor([[60.0, 0.0]] * 3)
    assert float(loss([[1.0, 0.0]] * 3, certain)) < 1e-3


def test_a_label_with_one_class_alone_is_refused() -> None:
    leaf = load_leaf("train/objectives", "supervised-contrastive")
    facts = leaf.Objective.facts([Label("a", emotion="joy"), Label("b", emotion="joy")])
    with pytest.raises(ValueError, match="an objective needs two classes of 'emotion'"):
        leaf.Objective(8, 8, ["text"], facts)


def test_a_training_split_without_speakers_is_refused() -> None:
    with pytest.raises(ProjectError, match="needs two speakers, but the training split has 0"):
        speaker_adversarial.Objective.facts([Label("a"), Label("b")])
