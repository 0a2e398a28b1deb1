"""What is done to tracks in training: what changes, what stays, and what never goes missing."""

import pytest
import torch

from features.specs.training import AugmentSpec
from train.data.augment import augmented, mixed, without_band, without_span, without_steps
from train.data.masking import Padded


def track(lengths: tuple[int, ...] = (6, 3, 1), width: int = 4) -> Padded:
    """Steps numbered from 1, the same number over the whole width."""
    steps = torch.arange(1.0, 7.0).expand(len(lengths), 6)
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    return Padded(steps[:, :, None, None].expand(-1, -1, 2, width).clone(), mask)


def test_steps_that_are_left_out_let_the_others_move_up() -> None:
    for _ in range(20):
        left = without_steps(track(), 0.5)
        for row, length in enumerate((6, 3, 1)):
            kept = left.values[row, left.mask[row], 0, 0].tolist()
            assert 1 <= len(kept) <= length and kept == sorted(set(kept)) and kept[-1] <= length
            assert left.mask[row].tolist() == [n < len(kept) for n in range(left.mask.shape[1])]


def test_about_the_share_that_is_asked_for_is_left_out() -> None:
    many = Padded(torch.ones(50, 200, 1, 1), torch.ones(50, 200, dtype=torch.bool))
    assert float(without_steps(many, 0.3).mask.sum()) / 10_000 == pytest.approx(0.7, abs=0.03)
    assert torch.equal(without_steps(many, 0.0).mask, many.mask)


def test_a_span_is_a_stretch_of_the_track_and_no_longer_than_its_share() -> None:
    longest = 0
    for _ in range(60):
        seen = without_span(track(), 0.5)
        for row, length in enumerate((6, 3, 1)):
            gone = (seen.values[row, :, 0, 0] == 0).nonzero()[:, 0].tolist()
            assert gone == list(range(gone[0], gone[0] + len(gone))) if gone else True
            assert len(gone) <= length / 2 + 1 and all(place < length for place in gone)
            longest = max(longest, len(gone))
        assert torch.equal(seen.mask, track().mask)
    assert longest == 3


def test_a_band_is_the_same_columns_in_every_step() -> None:
    for _ in range(20):
        seen = without_band(track(), 0.5).values[0] == 0
        assert torch.equal(seen, seen[:1, :1].expand_as(seen)) and int(seen[0, 0].sum()) <= 2


def test_noise_has_the_deviation_that_is_asked_for() -> None:
    calm = {"audio": Padded(torch.zeros(40, 50, 1, 8), torch.ones(40, 50, dtype=torch.bool))}
    heard = augmented({"audio": AugmentSpec(noise=0.5)}, calm)["audio"].values
    assert float(heard.std()) == pytest.approx(0.5, rel=0.05)


def test_a_modality_goes_missing_but_never_the_last_one() -> None:
    batch = {"audio": track((6, 0, 6)), "video": track((6, 6, 6))}
    specs = {"audio": AugmentSpec(missing=1.0), "video": AugmentSpec(missing=1.0)}
    assert torch.stack([t.present for t in augmented(specs, batch).values()]).any(dim=0).all()
    alone = augmented({"audio": AugmentSpec(missing=1.0)}, batch)
    assert alone["audio"].present.tolist() == [False] * 3 and alone["video"].present.all()


def test_only_the_modalities_that_are_named_change() -> None:
    batch = {"audio": track(), "video": track()}
    changed = augmented({"audio": AugmentSpec(noise=1.0)}, batch)
    assert torch.equal(changed["video"].values, batch["video"].values)
    assert not torch.equal(changed["audio"].values, batch["audio"].values)


def test_a_mixture_holds_the_share_of_each_of_the_two() -> None:
    batch = track((6, 3, 1))
    batch.values[~batch.mask] = torch.nan
    tracks, partner, share = mixed({"text": batch}, 0.4)
    clean = torch.where(batch.mask[..., None, None], batch.values, 0.0)
    expected = share * clean + (1 - share) * clean[partner]
    assert torch.equal(tracks["text"].values, expected) and 0 <= share <= 1
    assert torch.equal(tracks["text"].mask, batch.mask | batch.mask[partner])
