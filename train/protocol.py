"""Which utterances train, choose and test: the official parts of a corpus."""

from collections.abc import Sequence

from features.errors import ProjectError
from features.manifest import SPLITS, Label, Split


def official(labels: Sequence[Label]) -> dict[Split, list[Label]]:
    """The labels of each part, in manifest order; ProjectError where a part is empty."""
    parts = {split: [label for label in labels if label.split == split] for split in SPLITS}
    empty = [split for split, part in parts.items() if not part]
    if empty:
        raise ProjectError(
            f"the corpus has no utterance in {' and '.join(empty)}; training needs all of "
            f"{', '.join(SPLITS)}. Look at the reader's split settings in params.yaml."
        )
    return parts
