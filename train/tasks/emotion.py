"""Emotion: one class out of those that the labels name."""

from train.tasks._classes import KIND, RANGES, ClassTask

__all__ = ["KIND", "RANGES", "Task"]


class Task(ClassTask):
    """See `ClassTask`."""

    label = "emotion"
