"""The HTTP interface: a clip in, its answers out, and refusals with a reason."""

import asyncio
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
from app.serving.origin import SameOrigin, refused
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

    app.add_middleware(SameOrigin, hosts=hosts)

    @app.exception_handler(RefusedError)
    async def refusal(_: Request, error: RefusedError) -> JSONResponse:
        return refused(error)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return refused(RefusedError(error.status_code, "wrong-request", str(error.detail)))

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        traceback.print_exception(error, file=sys.stderr)
        return refused(RefusedError(500, "fault", "internal error; see the log of the server"))

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
            raise RefusedError(400, "wrong-request", "the connection was closed") from None
        try:
            return await service.answer(form)
        finally:
            await form.close()

    return app
