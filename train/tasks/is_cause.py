"""Whether an utterance causes an emotion in its dialogue, its own or another's."""

from train.tasks._classes import KIND, RANGES, ClassTask

__all__ = ["KIND", "RANGES", "Task"]


class Task(ClassTask):
    """See `ClassTask`."""

    label = "is_cause"
