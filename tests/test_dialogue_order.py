"""The order of turns and speakers in a batch, worked out by hand."""

import pytest
import torch

from features.manifest import Label
from train.data.batches import BatchItems
from train.data.dataset import Dataset
from train.data.dialogues import Places, single_utterances
from train.data.order import in_order
from train.data.tracks import Tracks
from train.loop.predict import evaluation_batches

# Two interleaved dialogues, the second with its turns out of order, and a lone utterance.
LABELS = [
    Label("a0", dialogue="a", turn=4, speaker="Ann"),
    Label("b1", dialogue="b", turn=2, speaker="Ann"),
    Label("a1", dialogue="a", turn=7, speaker="Bo"),
    Label("x"),
    Label("b0", dialogue="b", turn=1),
    Label("a2", dialogue="a", turn=9, speaker="Ann"),
]


def dataset() -> Dataset:
    lengths = torch.tensor([1, 5, 2, 1, 1, 3])
    tracks = Tracks(torch.zeros(13, 1, 2), lengths)
    return Dataset(tuple(label.id for label in LABELS), {"text": tracks}, Places.of(LABELS))


def test_utterances_are_in_the_order_of_their_turns() -> None:
    assert in_order(LABELS) == [[0, 2, 5], [4, 1], [3]]
    assert in_order([Label("b", dialogue="d"), Label("a", dialogue="d", turn=0)]) == [[0, 1]]
    places = Places.of(LABELS)
    assert places.dialogues.tolist() == [0, 1, 0, 2, 1, 0]
    assert places.turns.tolist() == [0, 1, 1, 0, 0, 2]


def test_an_unknown_speaker_equals_no_other() -> None:
    speakers = Places.of([*LABELS, Label("y")]).speakers.tolist()
    assert speakers[0] == speakers[1] == speakers[5] != speakers[2]
    assert len({speakers[row] for row in (0, 2, 3, 4, 6)}) == 5


def test_a_batch_is_arranged_by_dialogue_and_back() -> None:
    rows = torch.tensor([3, 1, 5, 0, 4])
    turns = Places.of(LABELS).of_rows(rows)
    assert turns.mask.tolist() == [[True, True], [True, True], [True, False]]
    vectors = torch.arange(10.0).reshape(5, 2)
    arranged = turns.arranged(vectors)
    assert arranged.values[:, :, 0].tolist() == [[6, 4], [8, 2], [0, 0]]
    assert arranged.values[2, 1].tolist() == [0, 0]
    assert torch.equal(turns.flat(arranged.values), vectors)
    assert turns.speakers[0, 0] == turns.speakers[0, 1] == turns.speakers[1, 1]


def test_a_single_utterance_is_a_dialogue_of_its_own() -> None:
    vectors = torch.randn(3, 2)
    turns = single_utterances(3)
    assert turns.arranged(vectors).values.shape == (3, 1, 2)
    assert torch.equal(turns.flat(turns.arranged(vectors).values), vectors)


def test_batch_items_are_utterances_or_whole_dialogues() -> None:
    utterances, dialogues = (BatchItems(dataset(), whole=whole) for whole in (False, True))
    assert (utterances.count, dialogues.count) == (6, 3)
    assert utterances.rows(torch.tensor([4, 2])).tolist() == [4, 2]
    assert dialogues.rows(torch.tensor([1, 0])).tolist() == [4, 1, 0, 2, 5]
    costs = dataset().costs()
    assert dialogues.sums(costs).tolist() == [6, 6, 1]
    assert dialogues.means(costs, costs > 1).tolist() == [2.5, 5, 0]


def test_evaluation_never_cuts_a_dialogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.loop.predict.EVALUATION_BATCH", 3)
    batches = [sorted(rows.tolist()) for rows in evaluation_batches(dataset(), whole=True)]
    assert sorted(batches) in ([[0, 2, 5], [1, 4], [3]], [[0, 2, 5], [1, 3, 4]])
    assert sum(len(rows) for rows in evaluation_batches(dataset(), whole=False)) == 6
