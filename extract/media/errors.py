"""Why an utterance has no track."""


class UnreadableError(Exception):
    """Media that cannot be read, with one of the store's reason codes and what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
