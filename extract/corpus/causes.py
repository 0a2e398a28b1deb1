"""Whether each utterance causes an emotion, from the causes that the labels name."""

from collections.abc import Sequence
from dataclasses import replace

from features.manifest import Label

CAUSE, NO_CAUSE = "cause", "no-cause"


def with_cause_utterances(labels: Sequence[Label]) -> list[Label]:
    """The labels with `is_cause` set; it stays None in dialogues whose causes nobody annotated."""
    causes = {cause for label in labels for cause in label.causes or ()}
    annotated = {label.dialogue or label.id for label in labels if label.causes is not None}
    return [
        replace(label, is_cause=CAUSE if label.id in causes else NO_CAUSE)
        if (label.dialogue or label.id) in annotated
        else label
        for label in labels
    ]
