"""Missing and noisy tracks: what a head is tested on besides clean ones."""

import pytest
import torch

from features.manifest import Label
from train.data.corruptions import NOISE_LEVELS, corrupted_datasets
from train.data.dataset import Dataset
from train.data.dialogues import Places
from train.data.tracks import Tracks

STD = torch.tensor([[0.5, 2.0, 8.0]])
ROWS = torch.tensor([0, 2])


def dataset(*modalities: str) -> Dataset:
    """Three utterances of 400 steps, alike in every modality."""
    values = torch.randn(1200, 1, 3, generator=torch.Generator().manual_seed(0))
    tracks = {name: Tracks(values, torch.tensor([400, 400, 400])) for name in modalities}
    return Dataset(("a", "b", "c"), tracks, Places.of([Label(name) for name in "abc"]))


@pytest.mark.parametrize("level", NOISE_LEVELS)
def test_noise_has_the_level_in_standard_deviations_of_each_feature(level: float) -> None:
    clean = dataset("audio", "text")
    noisy = corrupted_datasets(clean, {"audio": STD, "text": STD})["audio", level]
    before, after = clean.gather(ROWS), noisy.gather(ROWS)
    noise = (after["audio"].values - before["audio"].values).flatten(0, 2)
    assert torch.allclose(noise.std(dim=0), level * STD[0], rtol=0.1)
    assert torch.allclose(noise.mean(dim=0), torch.zeros(3), atol=0.1 * level * 8)
    assert torch.equal(after["text"].values, before["text"].values)


def test_the_same_rows_get_the_same_noise() -> None:
    noisy = corrupted_datasets(dataset("audio"), {"audio": STD})["audio", 1.0]
    assert torch.equal(noisy.gather(ROWS)["audio"].values, noisy.gather(ROWS)["audio"].values)
    other = noisy.gather(torch.tensor([0, 1]))["audio"].values
    assert not torch.equal(noisy.gather(ROWS)["audio"].values[0], other[0])


def test_one_modality_after_the_other_goes_missing_but_never_the_only_one() -> None:
    both = corrupted_datasets(dataset("audio", "text"), {"audio": STD, "text": STD})
    assert {name for name, level in both if level is None} == {"audio", "text"}
    batch = both["text", None].gather(ROWS)
    assert not batch["text"].mask.any() and batch["audio"].mask.all()
    alone = corrupted_datasets(dataset("audio"), {"audio": STD})
    assert {level for _, level in alone} == set(NOISE_LEVELS)
