"""PHQ-8: the depression score of the speaker, 0 to 24, as a number."""

from train.tasks._numbers import KIND, RANGES, NumberTask

__all__ = ["KIND", "RANGES", "Task"]


class Task(NumberTask):
    """See `NumberTask`."""

    task = "phq8"
    labels = ("phq8",)
