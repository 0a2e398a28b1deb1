"""The HTTP interface: a clip in, its answers out, and refusals with a reason."""

import asyncio
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app import VERSION
from app.predict.clips import MEDIA_SUFFIXES, clips_of
from app.predict.predictor import Prediction, Predictor
from app.predict.tables import record_of
from app.serving.limits import BodyLimit, Limits, RefusedError
from features.errors import ProjectError

FORM = "multipart/form-data"
NAME = "clip"
# Why a clip has no answer, as a status.
STATUSES = {"too-long": 422, "too-large": 413}


class Service:
    """One predictor, which answers one clip at a time; the others wait."""

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor, self.limits = predictor, limits
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self.num_waiting = 0

    async def answer(self, form: FormData) -> dict[str, Any]:
        """The prediction for a form with a `file`, a `text`, or both; raises RefusedError."""
        text, upload = form.get("text"), form.get("file")
        if isinstance(text, UploadFile) or isinstance(upload, str):
            raise RefusedError(422, "wrong-form", "'file' must be a file, and 'text' must be text")
        if text is None and upload is None:
            raise RefusedError(422, "nothing", "the form must have a 'file', a 'text', or both")
        if self.num_waiting >= self.limits.max_waiting:
            raise RefusedError(429, "busy", f"{self.num_waiting} requests wait; try again later")
        if text is not None and len(text) > self.limits.max_text:
            raise RefusedError(
                413, "too-large", f"'text' has more than {self.limits.max_text} letters"
            )
        with tempfile.TemporaryDirectory(prefix="permafrost-") as folder:
            path = None
            if upload is not None:
                path = Path(folder) / f"{NAME}{_suffix(upload.filename)}"
                path.write_bytes(await upload.read())
            prediction = await self._predict(path, text)
        return _record(prediction, path, upload.filename if upload else None)

    async def _predict(self, path: Path | None, text: str | None) -> Prediction:
        self.num_waiting += 1
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self.thread, self._predict_now, path, text)
        answer.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(answer), self.limits.timeout_s)
        except TimeoutError:
            if not answer.cancel():
                self.predictor.interrupt()
            raise RefusedError(
                503, "too-slow", f"no answer within {self.limits.timeout_s:g} s"
            ) from None
        except ProjectError as error:
            raise RefusedError(422, "unreadable", _without(str(error), path)) from None

    def _done(self, answer: "asyncio.Future[Prediction]") -> None:
        self.num_waiting -= 1
        if not answer.cancelled():
            answer.exception()  # seen, also where nobody waits any more

    def _predict_now(self, path: Path | None, text: str | None) -> Prediction:
        (clips,) = clips_of([] if path is None else [path], text, lambda _: None)
        (prediction,) = self.predictor.predict(clips)
        return prediction

    def about(self) -> dict[str, Any]:
        """What the head reads and answers, and the limits."""
        heads = self.predictor.heads
        return {
            "head": self.predictor.model.name,
            "reads": self.predictor.modalities,
            "tasks": {m.task: list(m.classes) if m.classes else "number" for m in heads.measures},
            "limits": vars(self.limits),
            "version": VERSION,
        }


def application(service: Service, hosts: list[str] | None) -> FastAPI:
    """The application; `hosts` are the names it answers to (None: any).

    Pages of other origins get nothing: a request that names its origin is refused unless that is
    this server.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
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
        if (
            hosts is not None
            and host.rpartition(":")[0].strip("[]") not in hosts
            and host not in hosts
        ):
            return _refused(RefusedError(403, "other-host", f"this server is not called {host!r}"))
        if origin is not None and origin.partition("://")[2] != host:
            return _refused(
                RefusedError(403, "other-origin", "pages of other origins get no answers")
            )
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
        if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
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


def _suffix(filename: str | None) -> str:
    suffix = Path(filename or "").suffix.lower()
    if suffix and suffix not in MEDIA_SUFFIXES:
        raise RefusedError(
            415, "wrong-type", f"a file that ends with {suffix[:12]!r} is not audio or video"
        )
    return suffix


def _record(prediction: Prediction, path: Path | None, filename: str | None) -> dict[str, Any]:
    if prediction.reason != "ok":
        status = STATUSES.get(prediction.reason, 422)
        raise RefusedError(status, prediction.reason, _without(prediction.detail, path))
    return {**record_of(prediction), "file": filename, "id": Path(filename or NAME).stem}


def _without(message: str, path: Path | None) -> str:
    """A message without the place where the clip was kept."""
    return (
        message if path is None else message.replace(str(path), NAME).replace(str(path.parent), "")
    )
