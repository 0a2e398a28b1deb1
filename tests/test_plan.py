"""Part borders and keys: pure functions of the manifest that a local change hardly moves."""

from dataclasses import replace

import numpy as np
import pytest

from extract.network.batching import batches
from extract.plan.parts import borders, plan_parts
from features.manifest import Utterance


def manifest(num_dialogues: int, seed: int = 0) -> list[Utterance]:
    random = np.random.default_rng(seed)
    return [
        Utterance(f"d{d}-{turn}", text=f"text {d} {turn}", dialogue=f"d{d}")
        for d in range(num_dialogues)
        for turn in range(int(random.integers(1, 9)))
    ]


def keys(utterances: list[Utterance], size: float = 40) -> list[str]:
    return [part.key for part in plan_parts(utterances, ("text",), "recipe", size, {})]


def test_parts_hold_every_utterance_once_in_order() -> None:
    utterances = manifest(200)
    parts = plan_parts(utterances, ("text",), "recipe", 40, {})
    assert [u for part in parts for u in part.utterances] == utterances
    assert len(parts) > 10


def test_a_dialogue_never_straddles_parts() -> None:
    utterances = manifest(200)
    for border in borders(utterances, 40):
        assert utterances[border].dialogue != utterances[border - 1].dialogue


def test_parts_are_about_the_size_asked_for() -> None:
    sizes = [len(part.utterances) for part in plan_parts(manifest(2000), ("text",), "r", 40, {})]
    assert 25 < np.mean(sizes) < 60
    assert max(sizes) < 40 * 6


def test_a_part_of_less_than_an_utterance_is_one_dialogue() -> None:
    assert len(borders(manifest(50), 0.5)) == 49


def test_lone_utterances_are_cut_as_well() -> None:
    lone = [Utterance(f"u{n}", text="x") for n in range(500)]
    assert 5 < len(borders(lone, 40)) < 30


def test_a_changed_text_changes_the_key_of_one_part() -> None:
    utterances = manifest(200)
    before = keys(utterances)
    utterances[321] = replace(utterances[321], text="corrected")
    assert len(set(keys(utterances)) - set(before)) == 1


def test_what_a_modality_does_not_read_changes_no_key() -> None:
    utterances = manifest(50)
    changed = [replace(u, speaker="somebody", audio_digest="x") for u in utterances]
    assert keys(changed) == keys(utterances)


@pytest.mark.parametrize("seed", range(40))
def test_a_new_dialogue_changes_at_most_three_parts(seed: int) -> None:
    utterances = manifest(150, seed)
    starts = [
        0,
        *[
            n
            for n in range(1, len(utterances))
            if utterances[n].dialogue != utterances[n - 1].dialogue
        ],
    ]
    place = starts[np.random.default_rng(seed).integers(len(starts))]
    new = [
        Utterance(f"new-{seed}-{n}", text="hello", dialogue=f"new-{seed}")
        for n in range(1 + seed % 8)
    ]
    grown = [*utterances[:place], *new, *utterances[place:]]
    assert 1 <= len(set(keys(grown)) - set(keys(utterances))) <= 3


def test_the_recipe_is_part_of_every_key() -> None:
    utterances = manifest(50)
    other = [part.key for part in plan_parts(utterances, ("text",), "other", 40, {})]
    assert not set(other) & set(keys(utterances))


class TestBatches:
    def test_every_example_is_in_one_batch_within_the_budget(self) -> None:
        costs = [5, 1, 9, 3, 3, 7, 2]
        groups = batches(costs, 12)
        assert sorted(p for group in groups for p in group) == list(range(7))
        assert all(len(g) * max(costs[p] for p in g) <= 12 for g in groups)

    def test_equal_costs_fill_the_budget_and_no_more(self) -> None:
        assert [len(group) for group in batches([3] * 9, 12)] == [4, 4, 1]

    def test_of_a_batch_at_most_a_twentieth_is_padding(self) -> None:
        costs = [int(c) for c in np.random.default_rng(0).lognormal(3, 0.7, 500) + 1]
        for group in batches(costs, 10_000):
            real = sum(costs[p] for p in group)
            assert real >= 0.95 * len(group) * max(costs[p] for p in group)

    def test_an_example_above_the_budget_goes_alone(self) -> None:
        assert batches([50, 2, 2], 10) == [[0], [1, 2]]

    def test_similar_costs_share_a_batch(self) -> None:
        assert batches([1, 8, 1, 8], 16) == [[1, 3], [0, 2]]
