"""Sentiment: one class out of those that the labels name, such as negative and positive."""

from train.tasks._classes import KIND, RANGES, ClassTask

__all__ = ["KIND", "RANGES", "Task"]


class Task(ClassTask):
    """See `ClassTask`."""

    label = "sentiment"
