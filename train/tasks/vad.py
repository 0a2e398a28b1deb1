"""Valence, arousal and dominance: those of them that the labels have, as numbers."""

from train.tasks._numbers import KIND, RANGES, NumberTask

__all__ = ["KIND", "RANGES", "Task"]


class Task(NumberTask):
    """See `NumberTask`."""

    task = "vad"
    labels = ("valence", "arousal", "dominance")
