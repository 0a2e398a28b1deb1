"""The order in which the utterances of a dialogue were said; read without torch."""

from collections import defaultdict
from collections.abc import Sequence

from features.manifest import Label


def in_order(labels: Sequence[Label]) -> list[list[int]]:
    """The places in `labels` of the utterances of each dialogue, in the order of talk.

    That is the order of their turns, or of the labels where a turn of the dialogue is not known.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        groups[place if label.dialogue is None else label.dialogue].append(place)
    for places in groups.values():
        turns = [labels[place].turn for place in places]
        if None not in turns:
            places.sort(key=lambda place: labels[place].turn or 0)
    return list(groups.values())
