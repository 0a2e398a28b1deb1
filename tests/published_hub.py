"""A Hugging Face hub on this machine, which publishes one folder or refuses."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

NAME, COMMIT = "someone/network", "0123456789" * 4


class Hub:
    """What is published, what was requested, and what is refused.

    `refusal` answers every request with a code of the hub's; `gated` refuses the files alone.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.num_requests = 0
        self.refusal: str | None = None
        self.gated = False

    @property
    def snapshot(self) -> Path:
        """Where the local copy of the published folder is."""
        return self.cache / f"models--{NAME.replace('/', '--')}" / "snapshots" / COMMIT

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers."""
        self.num_requests += 1
        if self.refusal is not None:
            return 404, b"", {"X-Error-Code": self.refusal}
        address = path.split("?")[0]
        if address == f"/api/models/{NAME}/revision/{COMMIT}":
            siblings = [{"rfilename": name} for name in self.files]
            return 200, json.dumps({"id": NAME, "siblings": siblings}).encode(), {}
        if address == f"/api/models/{NAME}/tree/{COMMIT}":
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": digest(content)}
                for name, content in self.files.items()
            ]
            return 200, json.dumps(tree).encode(), {}
        if self.gated:
            return 403, b"", {"X-Error-Code": "GatedRepo"}
        content = self.files[address.removeprefix(f"/{NAME}/resolve/{COMMIT}/")]
        return 200, content, {"ETag": f'"{digest(content)}"', "X-Repo-Commit": COMMIT}


def digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@contextmanager
def running(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the library asks in place of its own."""
    hub = Hub(cache)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content, headers = hub.answer(self.path)
            if self.command == "GET" and "/resolve/" in self.path and status == 200:
                hub.fetched.append(self.path.partition(f"/{COMMIT}/")[2])
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", address)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
