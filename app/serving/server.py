"""The HTTP interface: a clip in, its answers out, and refusals with a reason."""

import asyncio
import re
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app import VERSION
from app.serving.limits import BodyLimit, RefusedError
from app.serving.service import Service

FORM = "multipart/form-data"


def application(service: Service, hosts: list[str] | None) -> FastAPI:
    """The application; `hosts` are the names it answers to (None: any).

    Pages of other origins get nothing: a request that names its origin is refused unless that is
    this server.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.interrupt()
        service.thread.shutdown(cancel_futures=True)

    # No pages of documentation: they would load scripts from elsewhere.
    app = FastAPI(
        title="Permafrost", version=VERSION, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.add_middleware(BodyLimit, max_bytes=service.limits.max_bytes)

    @app.middleware("http")
    async def same_origin(request: Request, call_next: Any) -> Any:
        host = request.headers.get("host", "")
        origin = request.headers.get("origin")
        if hosts is not None and _name_of(host) not in hosts:
            detail = f"this server does not answer to {host!r}"
            return _refused(RefusedError(403, "other-host", detail))
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            detail = "requests from pages of other origins are refused"
            return _refused(RefusedError(403, "other-origin", detail))
        return await call_next(request)

    @app.exception_handler(RefusedError)
    async def refusal(_: Request, error: RefusedError) -> JSONResponse:
        return _refused(error)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return _refused(RefusedError(error.status_code, "wrong-request", str(error.detail)))

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        traceback.print_exception(error, file=sys.stderr)
        return _refused(
            RefusedError(500, "fault", "a fault of the server; its log has the details")
        )

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "waiting": service.num_waiting}

    @app.get("/schema")
    async def schema() -> dict[str, Any]:
        return service.about()

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != FORM:
            raise RefusedError(415, "wrong-type", f"send {FORM} with a 'file', a 'text', or both")
        try:
            form = await asyncio.wait_for(
                request.form(max_files=1, max_fields=2, max_part_size=service.limits.max_bytes),
                service.limits.timeout_s,
            )
        except TimeoutError:
            raise RefusedError(408, "too-slow", "the request did not arrive in time") from None
        except ClientDisconnect:
            raise RefusedError(400, "wrong-request", "the connection was cut") from None
        try:
            return await service.answer(form)
        finally:
            await form.close()

    return app


def _refused(error: RefusedError) -> JSONResponse:
    headers = {"Retry-After": "1"} if error.status == 429 else None
    content = {"reason": error.reason, "detail": error.detail}
    return JSONResponse(content, error.status, headers)


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    return re.sub(r":\d+$", "", host).strip("[]").lower()
