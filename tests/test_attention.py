"""How much every step counts: in every pooling and fusion, and on the steps that are stored."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from features.leaves import leaf_names, load_leaf
from tests.test_heads import CASES, build, tracks
from tests.upper_world import tiny_upper
from train.attribution.attention import step_weights
from train.data.dataset import Dataset
from train.data.dialogues import Places
from train.data.masking import Padded
from train.data.tracks import Tracks
from train.model.head import Head, PresentOrMissing

LENGTHS = {"text": 4, "audio": 7, "video": 3}
ONE_POOLING = ("fusion", "memocmt")


def dataset_of(lengths: Mapping[str, int]) -> Dataset:
    """One utterance, of so many steps in each modality."""
    made = tracks(1)
    packed = {
        name: Tracks(made[name].values[0, :count], torch.tensor([count]))
        for name, count in lengths.items()
    }
    return Dataset(("u",), packed, Places(*torch.zeros(3, 1).long()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_every_stored_step_has_a_weight_and_they_add_up_to_1(case: Any) -> None:
    weights = step_weights(build(case), dataset_of(LENGTHS), 0)
    assert {name: len(own) for name, own in weights.items()} == LENGTHS
    assert all((own >= 0).all() for own in weights.values())
    if case[:2] == ONE_POOLING:
        assert sum(float(own.sum()) for own in weights.values()) == pytest.approx(1, abs=1e-5)
    else:
        sums = [float(own.sum()) for own in weights.values()]
        assert sums == pytest.approx([1, 1, 1], abs=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_a_missing_modality_has_no_weights(case: Any) -> None:
    weights = step_weights(build(case), dataset_of({**LENGTHS, "audio": 0}), 0)
    assert set(weights) == {"text", "video"}


@pytest.mark.parametrize("name", leaf_names("train/pooling"))
def test_weights_of_a_pooling_ignore_padding(name: str) -> None:
    torch.manual_seed(0)
    pooling = load_leaf("train/pooling", name).Pooling(8)
    values, mask = torch.randn(3, 6, 8), torch.arange(6) < torch.tensor([[6], [2], [0]])
    clean = pooling.weights(Padded(values, mask))
    dirty = pooling.weights(Padded(values.masked_fill(~mask[..., None], float("nan")), mask))
    assert torch.equal(clean, dirty) and (clean[~mask] == 0).all()
    assert clean.sum(dim=1).tolist() == pytest.approx([1, 1, 0], abs=1e-6)


def test_with_the_weights_of_attention_the_vector_is_made_again() -> None:
    head = build(("pooling", "attention", {"heads": 1}))
    vectors: dict[str, torch.Tensor] = {}
    encoded: dict[str, Padded] = {}

    def keep(module: Any, inputs: Any, output: torch.Tensor) -> None:
        vectors[module.modality], encoded[module.modality] = output, inputs[0]

    for module in head.modules():
        if isinstance(module, PresentOrMissing):
            module.register_forward_hook(keep)
    weights = step_weights(head, dataset_of(LENGTHS), 0)
    for name, own in weights.items():
        made = (own[:, None] * encoded[name].values[0]).sum(dim=0)
        assert torch.allclose(made, vectors[name][0], atol=1e-6)


def test_max_and_min_count_the_width_by_hand() -> None:
    track = Padded(torch.tensor([[[1.0, 5.0, 0.0], [3.0, 6.0, 0.0]]]), torch.ones(1, 2).bool())
    greatest, least = (
        load_leaf("train/pooling", n).Pooling(3).weights(track) for n in ("max", "min")
    )
    # Of equal values it is the first.
    assert greatest[0].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert least[0].tolist() == pytest.approx([1, 0])
    first = load_leaf("train/pooling", "first").Pooling(3).weights(track)
    assert first[0].tolist() == [1, 0]


def test_a_weight_of_a_bin_or_stride_is_that_of_its_stored_steps() -> None:
    head = build(("temporal", "tcn", {"stride": 3, "layers": 1}))
    seven = step_weights(head, dataset_of(LENGTHS), 0)["audio"]
    # Mean pooling over three encoded steps, made of three, three and one stored ones.
    assert seven.tolist() == pytest.approx([1 / 9] * 6 + [1 / 3])
    head.inputs["audio"].bins = 4
    binned = step_weights(head, dataset_of(LENGTHS), 0)["audio"]
    # Seven steps in four bins (0 0 1 1 2 2 3), three bins in the first encoded step.
    assert binned.tolist() == pytest.approx([1 / 12] * 6 + [1 / 2])


def test_every_temporal_encoder_says_by_how_much_it_shortens_a_track() -> None:
    for name in leaf_names("train/temporal"):
        leaf = load_leaf("train/temporal", name)
        network = [tiny_upper(8)] if hasattr(leaf, "TAKES_NETWORK") else []
        encoder = leaf.Temporal(8, 0.0, *network)
        track = Padded(torch.randn(1, 37, 8), torch.ones(1, 37).bool())
        stride = getattr(encoder, "stride", 1)
        assert encoder(track).mask.shape[1] == -(-37 // stride), name


def test_steps_that_are_pooled_together_are_given_to_their_modalities() -> None:
    head: Head = build(("fusion", "memocmt", {}))
    weights = step_weights(head, dataset_of(LENGTHS), 0)
    # Mean pooling over two stretches of each modality: 2 (4 + 7 + 3) steps.
    for own in weights.values():
        assert own.tolist() == pytest.approx([2 / 28] * len(own))
