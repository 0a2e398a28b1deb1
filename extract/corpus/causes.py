"""Which utterances cause an emotion: what the causes of all others say about each."""

from collections.abc import Sequence
from dataclasses import replace

from features.manifest import Label

CAUSE, NO_CAUSE = "cause", "no-cause"


def with_cause_utterances(labels: Sequence[Label]) -> list[Label]:
    """The labels, each with whether its utterance is a cause; unknown in unlabelled dialogues."""
    named = {cause for label in labels for cause in label.causes or ()}
    labelled = {label.dialogue or label.id for label in labels if label.causes is not None}
    return [
        replace(label, is_cause=CAUSE if label.id in named else NO_CAUSE)
        if (label.dialogue or label.id) in labelled
        else label
        for label in labels
    ]
