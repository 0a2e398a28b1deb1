"""Answers one clip after the other, and refuses what is too much."""

import asyncio
import shutil
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, UploadFile

from app import VERSION
from app.predict.clips import MEDIA_SUFFIXES, clips_of
from app.predict.predictor import Prediction, Predictor
from app.predict.tables import record_of
from app.serving.limits import Limits, RefusedError
from features.errors import ProjectError

NAME = "clip"


class Service:
    """One predictor, which answers one clip at a time; the others wait.

    `num_waiting` counts requests until the thread is done with them, abandoned ones included.
    """

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor, self.limits = predictor, limits
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self.num_waiting = 0
        self.lock = threading.Lock()
        self.current: Path | None = None
        self.was_interrupted = False

    async def answer(self, form: FormData) -> dict[str, Any]:
        """The prediction for a form with a `file`, a `text`, or both; raises RefusedError."""
        text, upload = _fields(form, self.limits.max_text)
        if self.num_waiting >= self.limits.max_waiting:
            raise RefusedError(429, "busy", f"{self.num_waiting} requests are queued; try later")
        self.num_waiting += 1
        work: Future[Prediction] | None = None
        try:
            with tempfile.TemporaryDirectory(prefix="permafrost-") as folder:
                path = None
                if upload is not None:
                    path = Path(folder) / f"{NAME}{_suffix(upload.filename)}"
                    await asyncio.to_thread(_save, upload, path)
                work = self.thread.submit(self._predict, path, text)
                prediction = await self._wait_for(work, path)
            return _record(prediction, path, upload.filename if upload else None)
        finally:
            self._release_after(work)

    async def _wait_for(self, work: "Future[Prediction]", path: Path | None) -> Prediction:
        limit_s = self.limits.timeout_s
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(work)), limit_s)
        except TimeoutError:
            if not work.cancel():
                self.interrupt(path)
            raise RefusedError(503, "too-slow", f"no answer within {limit_s:g} s") from None
        except ProjectError as error:
            raise RefusedError(422, "unreadable", _without(str(error), path)) from None

    def _release_after(self, work: "Future[Prediction] | None") -> None:
        """Free the place of a request, at once or when the thread is done with it."""
        if work is None or work.done():
            self.num_waiting -= 1
            return
        loop = asyncio.get_running_loop()

        def release() -> None:
            self.num_waiting -= 1

        def done(_: "Future[Prediction]") -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(release)

        work.add_done_callback(done)

    def _predict(self, path: Path | None, text: str | None) -> Prediction:
        """In the thread: one clip after the other."""
        with self.lock:
            self.current = path
        try:
            return self._predict_now(path, text)
        finally:
            with self.lock:
                self.current = None
                if self.was_interrupted:
                    # Processes that were killed between two calls would fail the next one.
                    self.predictor.restart()
                    self.was_interrupted = False

    def _predict_now(self, path: Path | None, text: str | None) -> Prediction:
        (clips,) = clips_of([] if path is None else [path], text, lambda _: None)
        (prediction,) = self.predictor.predict(clips)
        return prediction

    def interrupt(self, path: Path | None = None) -> None:
        """End the decoding of a clip if it is the one that is decoded now (None: whatever is)."""
        with self.lock:
            if self.current is not None and path in (None, self.current):
                self.was_interrupted = True
                self.predictor.interrupt()

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


def _fields(form: FormData, max_text: int) -> tuple[str | None, UploadFile | None]:
    """The text and the file of a form; a file field of a browser that was left empty is none."""
    text, upload = form.get("text"), form.get("file")
    if isinstance(upload, UploadFile) and not upload.filename and not upload.size:
        upload = None
    if isinstance(text, UploadFile) or isinstance(upload, str):
        raise RefusedError(422, "wrong-form", "'file' must be a file, and 'text' must be text")
    if not text and upload is None:
        raise RefusedError(422, "nothing", "the form must have a 'file', a 'text', or both")
    if text is not None and len(text) > max_text:
        raise RefusedError(413, "too-large", f"'text' has more than {max_text} characters")
    return text or None, upload


def _save(upload: UploadFile, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(upload.file, file)


def _suffix(filename: str | None) -> str:
    suffix = Path(filename or "").suffix.lower()
    if suffix and suffix not in MEDIA_SUFFIXES:
        raise RefusedError(
            415, "wrong-type", f"a file that ends with {suffix[:12]!r} is not audio or video"
        )
    return suffix


def _record(prediction: Prediction, path: Path | None, filename: str | None) -> dict[str, Any]:
    if prediction.reason != "ok":
        status = 413 if prediction.reason == "too-large" else 422
        raise RefusedError(status, prediction.reason, _without(prediction.detail, path))
    return {**record_of(prediction), "file": filename, "id": Path(filename or NAME).stem}


def _without(message: str, path: Path | None) -> str:
    """A message without the place where the clip was kept."""
    return (
        message if path is None else message.replace(str(path), NAME).replace(str(path.parent), "")
    )
