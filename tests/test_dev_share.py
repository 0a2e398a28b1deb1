"""How a dev set is drawn: whole groups, each that exceeds the share by less than half of itself."""

from collections.abc import Sequence

import pytest

from features.manifest import Label
from features.specs.heads import ProtocolSpec
from features.specs.tracks import LeafSpec
from train.folds.grouping import in_random_order, speaker_groups
from train.folds.split import split_corpus


def labels_of(sizes: Sequence[int]) -> list[Label]:
    """Speakers with so many training utterances each, and one who is tested."""
    labels = [
        Label(f"s{speaker}-{n}", "train", speaker=f"s{speaker}")
        for speaker, size in enumerate(sizes)
        for n in range(size)
    ]
    return [*labels, Label("t", "test", speaker="t")]


def dev_size(sizes: Sequence[int], share: float) -> int:
    spec = ProtocolSpec(LeafSpec("official", {}), dev_share=share)
    (splits,) = split_corpus(spec, labels_of(sizes), "x")
    assert splits.dev_drawn
    return len(splits.dev)


@pytest.mark.parametrize(
    ("share", "size"), [(0.1, 10), (0.14, 10), (0.16, 20), (0.2, 20), (0.26, 30)]
)
def test_of_equal_groups_the_nearest_number_is_drawn(share: float, size: int) -> None:
    """Of ten groups of ten: at 14 utterances one group is nearer than two, at 16 two are."""
    assert dev_size([10] * 10, share) == size


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15, 0.2, 0.3, 0.45])
def test_the_rule_of_half_a_group_decides_each_group_in_turn(share: float) -> None:
    sizes = [3, 17, 8, 22, 5, 11, 14, 9, 6, 5]
    labels = [label for label in labels_of(sizes) if label.split == "train"]
    groups = speaker_groups(labels)
    drawn, wanted = 0, share * len(labels)
    for name in in_random_order(groups, "dev official"):
        with_group = drawn + len(groups[name])
        # By less than half of the group beyond the share, or not beyond it at all.
        if with_group - wanted <= len(groups[name]) / 2:
            drawn = with_group
    assert dev_size(sizes, share) == drawn
    assert abs(drawn - wanted) <= max(sizes) / 2


def test_where_no_group_is_small_enough_the_smallest_is_drawn() -> None:
    assert dev_size([30, 20, 25], 0.05) == 20
