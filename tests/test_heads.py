"""Conformance of every temporal encoder, pooling and fusion: files are found by themselves."""

import inspect
from typing import Any

import pytest
import torch

from features.leaves import leaf_names, leaf_parameters, load_leaf
from features.manifest import Label
from features.specs.heads import HeadSpec, ProtocolSpec, TrainingSpec
from features.specs.tracks import LeafSpec
from tests.upper_world import tiny_upper
from train.data.dataset import Dataset
from train.data.dialogues import Places
from train.data.masking import Padded
from train.data.tracks import Tracks
from train.model.head import Head

LEAVES = [
    ("train/temporal", "Temporal"),
    ("train/pooling", "Pooling"),
    ("train/fusions", "Fusion"),
    ("train/tasks", "Task"),
    ("train/objectives", "Objective"),
]
EVERY_MODULE = (
    [("temporal", name) for name in leaf_names("train/temporal")]
    + [("pooling", name) for name in leaf_names("train/pooling")]
    + [("fusion", name) for name in leaf_names("train/fusions")]
)
CODES = {"temporal": "none", "pooling": "mean", "fusion": "concat"}
FOLDERS = {"temporal": "train/temporal", "pooling": "train/pooling", "fusion": "train/fusions"}
SYMBOLS = {"temporal": "Temporal", "pooling": "Pooling", "fusion": "Fusion"}
DIMS = {"text": (2, 6), "audio": (1, 5), "video": (1, 4)}
CLASSES = ["anger", "joy", "neutral"]
# Settings other than the defaults under which a module must conform as well.
VARIANTS = {
    ("temporal", "tcn"): [{"stride": 3, "layers": 2}],
    ("temporal", "recurrent"): [{"cell": "lstm", "layers": 2}],
    ("temporal", "upper-layers"): [{"lora": "none"}],
    ("pooling", "attention"): [{"heads": 1}],
    ("fusion", "cross-modal"): [{"then": "dynamic"}],
    ("fusion", "cross-attention"): [{"then": "adaptive"}],
    ("fusion", "mult"): [{"then": "gated", "layers": 1}],
    ("fusion", "interaction"): [{"then": "low-rank"}],
}
# Parameters that may have no gradient: a fusion that leaves missing tracks out needs no vector in
# their place, and a softmax does not change with a constant that is added to all scores.
UNMOVED = ("missing", "score.2.bias")
CASES = [
    (kind, name, options)
    for kind, name in EVERY_MODULE
    for options in [{}, *VARIANTS.get((kind, name), [])]
]


def head_spec(kind: str, name: str, options: dict[str, Any]) -> HeadSpec:
    codes = {**CODES, kind: name}
    leaves = {
        key: LeafSpec(
            code,
            {
                **{p.name: p.default for p in leaf_parameters(FOLDERS[key], code, SYMBOLS[key])},
                **(options if key == kind else {}),
            },
        )
        for key, code in codes.items()
    }
    return HeadSpec(
        name="test",
        corpus="c",
        inputs=dict.fromkeys(DIMS, "x"),
        dim=8,
        dropout=0.1,
        tasks={"emotion": LeafSpec("emotion", {})},
        training=TrainingSpec(seeds=[0]),
        protocol=ProtocolSpec(LeafSpec("official", {})),
        temporal=dict.fromkeys(DIMS, leaves["temporal"]),
        pooling=dict.fromkeys(DIMS, leaves["pooling"]),
        fusion=leaves["fusion"],
    )


def build(case: tuple[str, str, dict[str, Any]], seed: int = 0) -> Head:
    """A head none of whose parameters is zero, as after training."""
    torch.manual_seed(seed)
    facts = {"emotion": {"classes": CLASSES, "counts": [1, 1, 1]}}
    if case[:2] == ("temporal", "upper-layers"):
        # They go on from one layer, so the store holds one.
        shapes = {name: (1, dim) for name, (_, dim) in DIMS.items()}
        networks = {name: tiny_upper(dim) for name, (_, dim) in DIMS.items()}
    else:
        shapes, networks = DIMS, {}
    head = Head(head_spec(*case), shapes, facts, networks)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return head.eval()


def tracks(batch: int, steps: int = 7, lengths: list[int] | None = None) -> dict[str, Padded]:
    generator = torch.Generator().manual_seed(3)
    batch_tracks = {}
    for name, (num_layers, dim) in DIMS.items():
        values = torch.randn(batch, steps, num_layers, dim, generator=generator)
        real = torch.tensor(lengths or [steps] * batch)
        batch_tracks[name] = Padded(values, torch.arange(steps) < real[:, None])
    return batch_tracks


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def case(request: pytest.FixtureRequest) -> tuple[str, str, dict[str, Any]]:
    kind_name_options: tuple[str, str, dict[str, Any]] = request.param
    return kind_name_options


def output(head: Head, batch: dict[str, Padded]) -> torch.Tensor:
    result: torch.Tensor = head(batch)["emotion"]
    return result


def test_garbage_in_padding_changes_nothing(case: Any) -> None:
    head, lengths = build(case), [7, 3, 1, 5]
    clean = tracks(4, lengths=lengths)
    for garbage in (float("nan"), float("inf"), 1e6):
        dirty = {
            name: Padded(t.values.masked_fill(~t.mask[..., None, None], garbage), t.mask)
            for name, t in clean.items()
        }
        assert torch.equal(output(head, dirty), output(head, clean))


def test_more_padding_changes_nothing(case: Any) -> None:
    head = build(case)
    short = tracks(3, lengths=[4, 2, 3])
    cut = {name: Padded(t.values[:, :4], t.mask[:, :4]) for name, t in short.items()}
    assert torch.allclose(output(head, short), output(head, cut), atol=1e-5)


def test_batch_order_and_neighbours_change_nothing(case: Any) -> None:
    head = build(case)
    batch = tracks(5, lengths=[7, 3, 1, 5, 2])
    order = torch.tensor([3, 0, 4, 1, 2])
    shuffled = {name: Padded(t.values[order], t.mask[order]) for name, t in batch.items()}
    assert torch.allclose(output(head, shuffled), output(head, batch)[order], atol=1e-5)
    for row in range(5):
        alone = {
            name: Padded(t.values[row : row + 1], t.mask[row : row + 1])
            for name, t in batch.items()
        }
        assert torch.allclose(output(head, alone)[0], output(head, batch)[row], atol=1e-5)


def test_one_step_works(case: Any) -> None:
    assert bool(torch.isfinite(output(build(case), tracks(2, steps=1))).all())


@pytest.mark.parametrize("missing", list(DIMS))
def test_a_missing_modality_works_and_is_not_a_zero_track(case: Any, missing: str) -> None:
    head = build(case)
    for pool in head.fusion.modules():
        if hasattr(pool, "missing"):
            torch.nn.init.normal_(pool.missing)
    batch = tracks(3)
    dropped = {**batch, missing: Padded(batch[missing].values, torch.zeros(3, 7, dtype=torch.bool))}
    zeros = {**batch, missing: Padded(torch.zeros_like(batch[missing].values), batch[missing].mask)}
    assert bool(torch.isfinite(output(head, dropped)).all())
    assert not torch.allclose(output(head, dropped), output(head, zeros))


def test_an_utterance_without_any_track_has_a_finite_output(case: Any) -> None:
    batch = tracks(2, lengths=[4, 0])
    assert bool(torch.isfinite(output(build(case), batch)).all())


def test_gradients_are_finite_and_reach_every_parameter(case: Any) -> None:
    head = build(case).train()
    batch = tracks(6, lengths=[7, 3, 1, 5, 2, 0])
    dirty = {
        name: Padded(t.values.masked_fill(~t.mask[..., None, None], float("nan")), t.mask)
        for name, t in batch.items()
    }
    head.tasks["emotion"].loss(output(head, dirty), torch.tensor([0, 1, 2, 0, 1, 2])).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        assert name.endswith(UNMOVED) or bool((parameter.grad != 0).any()), name


def test_the_same_seed_gives_the_same_numbers(case: Any) -> None:
    batch = tracks(3)
    assert torch.equal(output(build(case, 5), batch), output(build(case, 5), batch))
    assert not torch.equal(output(build(case, 5), batch), output(build(case, 6), batch))


@pytest.mark.slow
def test_eight_utterances_can_be_overfitted(case: Any) -> None:
    head = build(case).train()
    head.apply(lambda m: setattr(m, "p", 0.0) if isinstance(m, torch.nn.Dropout) else None)
    batch = tracks(8, lengths=[7, 3, 1, 5, 2, 4, 6, 7])
    targets = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    optimiser = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(120):
        loss = head.tasks["emotion"].loss(output(head, batch), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.05


@pytest.mark.parametrize(("folder", "symbol"), LEAVES)
def test_settings_in_params_yaml_are_those_of_the_constructor(folder: str, symbol: str) -> None:
    for name in leaf_names(folder):
        constructor = getattr(load_leaf(folder, name), symbol).__init__
        expected = {
            p.name.removesuffix("_"): p.default
            for p in inspect.signature(constructor).parameters.values()
            if p.kind is p.KEYWORD_ONLY
        }
        assert {p.name: p.default for p in leaf_parameters(folder, name, symbol)} == expected


def test_a_width_that_heads_do_not_divide_is_refused_by_name() -> None:
    from features.errors import ProjectError

    with pytest.raises(
        ProjectError, match="heads.test: dim is 8; it must be a multiple of heads, 3"
    ):
        build(("pooling", "attention", {"heads": 3}))


def test_layer_weights_start_equal_and_are_learned() -> None:
    facts = {"emotion": {"classes": CLASSES, "counts": [1, 1, 1]}}
    head = Head(head_spec("pooling", "mean", {}), DIMS, facts)
    assert head.inputs["text"].layer_weights.tolist() == [0, 0]
    output(head, tracks(2)).sum().backward()
    assert bool((head.inputs["text"].layer_weights.grad != 0).all())


def test_standardising_uses_mean_and_deviation_of_the_given_tracks() -> None:
    head = build(("pooling", "mean", {}))
    values = torch.randn(10, 1, 5) * 3 + 2
    dataset = Dataset(
        ("a", "b"),
        {"audio": Tracks(values.half(), torch.tensor([4, 6]))},
        Places.of([Label("a"), Label("b")]),
    )
    head.take_moments(dataset)
    assert torch.allclose(head.inputs["audio"].mean, values.mean(dim=0), atol=1e-2)
    assert torch.allclose(head.inputs["audio"].std, values.std(dim=0, correction=0), atol=1e-2)
