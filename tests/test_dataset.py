"""Tracks joined by utterance, padded and masked, in memory or on disk."""

import numpy as np
import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.specs.heads import HeadSpec
from features.store.reader import Store
from tests.head_world import facts_of, labels, spec, splits_of, store  # noqa: F401
from train.data.dataset import Dataset, load_dataset
from train.data.dialogues import Places
from train.data.masking import zero_padding
from train.data.tracks import StoredTracks, Tracks
from train.loop.fit import fit
from train.loop.predict import evaluation_batch


def test_gathering_pads_to_the_longest_and_masks_the_rest() -> None:
    tracks = Tracks(torch.arange(12.0).reshape(6, 1, 2).half(), torch.tensor([1, 0, 3, 2]))
    padded = tracks.gather(torch.tensor([3, 1, 0]))
    assert padded.values.shape == (3, 2, 1, 2) and padded.values.dtype == torch.float32
    assert padded.mask.tolist() == [[True, True], [False, False], [True, False]]
    assert padded.values[0, :, 0].tolist() == [[8, 9], [10, 11]]
    assert padded.values[2, 0, 0].tolist() == [0, 1]


def test_a_batch_without_any_step_has_one_masked_step() -> None:
    padded = Tracks(torch.zeros(0, 1, 2).half(), torch.tensor([0, 0])).gather(torch.tensor([0, 1]))
    assert padded.values.shape == (2, 1, 1, 2) and not padded.mask.any()


def test_stores_are_joined_by_id_in_the_order_of_the_labels(store: Store) -> None:
    dataset = load_dataset({"text": store}, [Label("u7"), Label("u3")])
    expected = np.concatenate([store.track(7), store.track(3)], axis=1)
    assert np.array_equal(dataset.tracks["text"].values.transpose(0, 1).numpy(), expected)


def test_tracks_on_disk_give_the_same_values_as_those_in_memory(
    store: Store, labels: list[Label], monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = load_dataset({"text": store}, labels[::-1]).tracks["text"]
    monkeypatch.setattr("train.data.dataset.RESIDENT_BYTES", 0)
    monkeypatch.setattr("train.data.tracks.BLOCK_VALUES", 30)
    stored = load_dataset({"text": store}, labels[::-1]).tracks["text"]
    assert isinstance(stored, StoredTracks) and stored.shape == resident.shape == (2, 6)
    for rows in (torch.tensor([3, 0, 59]), torch.tensor([0])):  # the first has no track
        expected, padded = resident.gather(rows), stored.gather(rows)
        assert torch.equal(padded.mask, expected.mask)
        assert torch.equal(zero_padding(padded).values, zero_padding(expected).values)
    for moment, expected_moment in zip(stored.moments(), resident.moments(), strict=True):
        assert torch.allclose(moment, expected_moment, rtol=1e-6)


def test_training_is_the_same_from_memory_and_from_disk(
    spec: HeadSpec, labels: list[Label], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def epochs() -> list[dict[str, float | int]]:
        data = splits_of(labels, store)
        facts = facts_of(data["train"])
        return fit(spec, facts, data["train"], data["dev"], 0).epochs

    in_memory = epochs()
    monkeypatch.setattr("train.data.dataset.RESIDENT_BYTES", 0)
    assert [pytest.approx(epoch) for epoch in epochs()] == in_memory


def test_evaluation_batches_are_bounded(store: Store, labels: list[Label]) -> None:
    dataset = load_dataset({"text": store}, labels)
    longest = int(dataset.tracks["text"].lengths.max())
    assert evaluation_batch(dataset) == 256
    tracks = Tracks(torch.zeros(1).expand(9, 3, 2**22), torch.tensor([5, 4]))
    large_dataset = Dataset(("a", "b"), {"text": tracks}, Places.of(labels[:2]))
    assert longest == 4 and evaluation_batch(large_dataset) == 1


def test_an_unknown_utterance_is_named(store: Store) -> None:
    with pytest.raises(ProjectError, match="does not have the utterance 'nobody'"):
        load_dataset({"text": store}, [Label("u1"), Label("nobody")])


def test_some_utterances_keep_their_tracks_and_dialogues(store: Store) -> None:
    labels = [Label("u7", dialogue="a"), Label("u3", dialogue="b"), Label("u59", dialogue="a")]
    some = load_dataset({"text": store}, labels).some([2, 0], [labels[2], labels[0]])
    assert some.ids == ("u59", "u7")
    assert some.costs().tolist() == [0, store.lengths[7]]
    (padded,) = some.gather(torch.tensor([1])).values()
    assert np.array_equal(padded.values[0].transpose(0, 1).numpy(), store.track(7))
    assert some.turns(torch.tensor([0, 1])).mask.tolist() == [[True, True]]
