"""The page and its data over HTTP, on this machine only; media are addressed by row."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from app.corpora.sound import NoSound
from app.explore.corpus import Corpus
from app.explore.details import details, swapped
from app.explore.health import health
from app.explore.page_files import MEDIA_TYPES, PAGE_FILES
from app.explore.video import PLAYED, video_path
from app.serving.limits import RefusedError
from app.serving.origin import SameOrigin, refused
from extract.media.errors import UnreadableError
from features.errors import ProjectError

# Other sites may not embed these answers, and nothing is cached: a corpus may change.
HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Explorer:
    """Answers requests about one corpus; heads and decoder work on one request at a time."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.lock = threading.Lock()
        self.table = JSONResponse({**corpus.table(), "is_static": False}, headers=HEADERS)

    def application(self, hosts: list[str]) -> Starlette:
        """The application, which answers to the names in `hosts`."""
        routes = [
            Route("/", self.page),
            Route("/data/corpus.json", self.whole_table),
            Route("/data/stores.json", self.stores),
            Route("/data/utterances/{row:int}.json", self.utterance),
            Route("/data/swapped/{head}/{row:int}/{other:int}.json", self.swapped),
            Route("/media/{row:int}.flac", self.sound),
            Route("/media/{row:int}{suffix}", self.video),
            Route("/{name}", self.page),
        ]
        return Starlette(
            routes=routes,
            middleware=[Middleware(SameOrigin, hosts=hosts)],
            exception_handlers={
                RefusedError: lambda _, error: refused(error),
                ProjectError: lambda _, error: refused(RefusedError(422, "refused", str(error))),
            },
        )

    async def page(self, request: Request) -> Response:
        """A file of the page."""
        name = request.path_params.get("name", "index.html")
        if name not in PAGE_FILES:
            raise RefusedError(404, "not-there", "there is no such page")
        media_type = MEDIA_TYPES[Path(name).suffix]
        return Response(PAGE_FILES[name], media_type=media_type, headers=HEADERS)

    async def whole_table(self, _: Request) -> Response:
        """The table of all utterances."""
        return self.table

    async def stores(self, _: Request) -> Response:
        """The health of the stores."""
        return JSONResponse(await self._alone(health, self.corpus), headers=HEADERS)

    async def utterance(self, request: Request) -> Response:
        """Everything about one utterance."""
        row = self._row(request, "row")
        return JSONResponse(await self._alone(details, self.corpus, row), headers=HEADERS)

    async def swapped(self, request: Request) -> Response:
        """The shares of modalities against those of another utterance."""
        row, other = self._row(request, "row"), self._row(request, "other")
        name = request.path_params["head"]
        answer = await self._alone(swapped, self.corpus, row, other, name)
        return JSONResponse(answer, headers=HEADERS)

    async def sound(self, request: Request) -> Response:
        """The sound of an utterance."""
        utterance = self.corpus.utterances[self._row(request, "row")]
        sound = await self._alone(self.corpus.sounds.of, utterance)
        if isinstance(sound, NoSound):
            raise RefusedError(404, "no-sound", sound.reason)
        return Response(sound.flac, media_type="audio/flac", headers=HEADERS)

    async def video(self, request: Request) -> Response:
        """The video file of an utterance."""
        row, suffix = self._row(request, "row"), request.path_params["suffix"]
        file = self.corpus.utterances[row].video
        if file is None or Path(file).suffix.lower() != suffix or suffix not in PLAYED:
            raise RefusedError(404, "no-video", "there is no such video")
        try:
            path = await self._alone(video_path, self.corpus, row)
        except UnreadableError as error:
            raise RefusedError(404, error.reason, error.detail) from None
        return FileResponse(path, media_type=PLAYED[suffix], headers=HEADERS)

    async def _alone(self, function: Callable[..., Any], *arguments: Any) -> Any:
        def call() -> Any:
            with self.lock:
                return function(*arguments)

        return await run_in_threadpool(call)

    def _row(self, request: Request, name: str) -> int:
        row = int(request.path_params[name])
        if row >= len(self.corpus.utterances):
            raise RefusedError(404, "not-there", f"the corpus has no utterance number {row}")
        return row
