"""Why an utterance has no track."""


class UnreadableError(Exception):
    """Media that cannot be read, with one of the store's reason codes and what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def refuse_long(duration_s: float, max_duration_s: float) -> None:
    """Raise UnreadableError ``too-long`` for a stretch beyond the limit."""
    if duration_s > max_duration_s:
        detail = f"it lasts {duration_s:.1f} s or more; extract.max_duration_s is {max_duration_s}"
        raise UnreadableError("too-long", detail)
