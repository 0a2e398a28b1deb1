"""What a request may cost: bytes, seconds of media, waiting requests, and time."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """A request beyond one of them is refused with a reason and status 413, 422, 429 or 503.

    `max_waiting` counts the requests that are answered or wait to be.
    """

    max_bytes: int = 50_000_000
    max_seconds: float = 60.0
    max_waiting: int = 32
    timeout_s: float = 30.0
    max_text: int = 10_000


class RefusedError(Exception):
    """A request that gets no prediction: the status, a reason code, and what would be right."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.reason, self.detail = status, reason, detail


class BodyLimit:
    """Refuses a body beyond a size, stated or not, before all of it is read."""

    def __init__(self, app: Any, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", []))
        stated = headers.get(b"content-length", b"0")
        is_beyond = stated.isdigit() and int(stated) > self.max_bytes
        num_received = 0

        async def counted() -> Message:
            nonlocal num_received
            message = await receive()
            num_received += len(message.get("body", b""))
            if is_beyond or num_received > self.max_bytes:
                detail = f"the request has more than {self.max_bytes} bytes"
                raise RefusedError(413, "too-large", detail)
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)
