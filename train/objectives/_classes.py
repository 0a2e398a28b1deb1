"""What objectives on classes take from the training labels."""

from collections.abc import Sequence

from features.manifest import Label

LABELS = ("emotion", "sentiment", "depression")


def classes_by_label(train: Sequence[Label]) -> dict[str, list[str]]:
    """The classes of every label that an objective may be about."""
    return {
        name: sorted({value for label in train if (value := getattr(label, name)) is not None})
        for name in LABELS
    }
