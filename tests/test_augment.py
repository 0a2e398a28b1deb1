"""Augmentation of tracks in training: what changes, what stays, and what is never dropped."""

import pytest
import torch

from features.specs.training import AugmentSpec
from train.data.augment import augmented, mixed, without_band, without_span, without_steps
from train.data.masking import Padded


def track(lengths: tuple[int, ...] = (6, 3, 1), width: int = 4) -> Padded:
    """Steps numbered from 1, the same number in every column."""
    steps = torch.arange(1.0, 7.0).expand(len(lengths), 6)
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    return Padded(steps[:, :, None, None].expand(-1, -1, 2, width).clone(), mask)


def test_the_steps_that_remain_move_up_in_order() -> None:
    for _ in range(20):
        shortened = without_steps(track(), 0.5)
        for row, length in enumerate((6, 3, 1)):
            kept = shortened.values[row, shortened.mask[row], 0, 0].tolist()
            assert 1 <= len(kept) <= length and kept == sorted(set(kept)) and kept[-1] <= length
            mask = shortened.mask[row].tolist()
            assert mask == [n < len(kept) for n in range(len(mask))]


def test_about_the_given_share_of_steps_is_dropped() -> None:
    ones = Padded(torch.ones(50, 200, 1, 1), torch.ones(50, 200, dtype=torch.bool))
    assert float(without_steps(ones, 0.3).mask.sum()) / 10_000 == pytest.approx(0.7, abs=0.03)
    assert torch.equal(without_steps(ones, 0.0).mask, ones.mask)


def test_a_span_is_contiguous_and_no_longer_than_its_share_of_the_track() -> None:
    longest = 0
    for _ in range(60):
        changed = without_span(track(), 0.5)
        for row, length in enumerate((6, 3, 1)):
            span = (changed.values[row, :, 0, 0] == 0).nonzero()[:, 0].tolist()
            assert span == list(range(span[0], span[0] + len(span))) if span else True
            assert len(span) <= length / 2 + 1 and all(step < length for step in span)
            longest = max(longest, len(span))
        assert torch.equal(changed.mask, track().mask)
    assert longest == 3


def test_a_band_is_the_same_columns_in_every_step() -> None:
    for _ in range(20):
        is_zero = without_band(track(), 0.5).values[0] == 0
        assert torch.equal(is_zero, is_zero[:1, :1].expand_as(is_zero))
        assert int(is_zero[0, 0].sum()) <= 2


def test_noise_has_the_given_standard_deviation() -> None:
    zeros = {"audio": Padded(torch.zeros(40, 50, 1, 8), torch.ones(40, 50, dtype=torch.bool))}
    noisy = augmented({"audio": AugmentSpec(noise=0.5)}, zeros)["audio"].values
    assert float(noisy.std()) == pytest.approx(0.5, rel=0.05)


def test_a_modality_is_dropped_but_never_the_last_one() -> None:
    batch = {"audio": track((6, 0, 6)), "video": track((6, 6, 6))}
    specs = {"audio": AugmentSpec(missing=1.0), "video": AugmentSpec(missing=1.0)}
    assert torch.stack([t.present for t in augmented(specs, batch).values()]).any(dim=0).all()
    only_video = augmented({"audio": AugmentSpec(missing=1.0)}, batch)
    assert only_video["audio"].present.tolist() == [False] * 3
    assert only_video["video"].present.all()


def test_only_the_named_modalities_change() -> None:
    batch = {"audio": track(), "video": track()}
    changed = augmented({"audio": AugmentSpec(noise=1.0)}, batch)
    assert torch.equal(changed["video"].values, batch["video"].values)
    assert not torch.equal(changed["audio"].values, batch["audio"].values)


def test_a_mixture_is_the_weighted_sum_of_two_utterances() -> None:
    batch = track((6, 3, 1))
    batch.values[~batch.mask] = torch.nan
    tracks, partner, share = mixed({"text": batch}, 0.4)
    clean = torch.where(batch.mask[..., None, None], batch.values, 0.0)
    expected = share * clean + (1 - share) * clean[partner]
    assert torch.equal(tracks["text"].values, expected) and 0 <= share <= 1
    assert torch.equal(tracks["text"].mask, batch.mask | batch.mask[partner])
