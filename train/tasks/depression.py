"""Depression: whether the speaker scores 10 or more on PHQ-8, as a class."""

from train.tasks._classes import KIND, RANGES, ClassTask

__all__ = ["KIND", "RANGES", "Task"]


class Task(ClassTask):
    """See `ClassTask`."""

    label = "depression"
