"""Who may ask: pages of other origins, and other names for this machine, are refused."""

import re
from collections.abc import Sequence

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.serving.limits import RefusedError


class SameOrigin:
    """Refuses requests to other names than `hosts` (None: any name), and of pages of other origins.

    A page of another origin can make its own host name resolve to this machine (DNS rebinding); a
    browser then sends that name, so only the names of this machine are answered.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = self._fault(scope) if scope["type"] == "http" else None
        await (self.app if error is None else refused(error))(scope, receive, send)

    def _fault(self, scope: Scope) -> RefusedError | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self.hosts is not None and name_of(host) not in self.hosts:
            return RefusedError(403, "other-host", f"this server does not answer to {host!r}")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            detail = "requests from pages of other origins are refused"
            return RefusedError(403, "other-origin", detail)
        return None


def refused(error: RefusedError) -> JSONResponse:
    """The answer to a request that is refused."""
    headers = {"Retry-After": "1"} if error.status == 429 else None
    content = {"reason": error.reason, "detail": error.detail}
    return JSONResponse(content, error.status, headers)


def name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    return re.sub(r":\d+$", "", host).strip("[]").lower()
