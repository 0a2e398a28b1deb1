"""Predictions over HTTP: equal to the command's, and every bad request refused with its reason."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

fastapi = pytest.importorskip("fastapi", reason="FastAPI is in requirements-extra.txt")
from fastapi.testclient import TestClient  # noqa: E402

from app.predict.models import read_model  # noqa: E402
from app.predict.predictor import Predictor  # noqa: E402
from app.serving.limits import Limits  # noqa: E402
from app.serving.server import application  # noqa: E402
from app.serving.service import Service  # noqa: E402
from features.errors import ProjectError  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.predict_world import project, records, run, trained  # noqa: E402, F401

pytestmark = pytest.mark.slow
CLIP = Path("data/raw/mine/audio/d003-u1.wav")
LIMITS = Limits(max_bytes=200_000, max_seconds=2.0, max_waiting=2, timeout_s=20.0, max_text=50)


@pytest.fixture
def service(project: Path) -> Iterator[Service]:
    with Predictor(read_model("main"), torch.device("cpu")) as predictor:
        predictor.limit(LIMITS.max_seconds, LIMITS.max_bytes)
        yield Service(predictor, LIMITS)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service, ["127.0.0.1"])
    with TestClient(app, "http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


def clip(name: str = "clip.wav", content: bytes | None = None) -> dict[str, Any]:
    return {"file": (name, CLIP.read_bytes() if content is None else content)}


def test_the_answer_is_the_command_s(client: TestClient, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run("predict", "main", str(CLIP), "--text", "We won!", "--to", str(out))
    (expected,) = records(out)
    answer = client.post("/predict", files=clip("my clip.wav"), data={"text": "We won!"})
    assert answer.status_code == 200
    record = answer.json()
    assert record["emotion"]["probabilities"] == pytest.approx(
        expected["emotion"]["probabilities"], abs=1e-6
    )
    assert (record["file"], record["id"]) == ("my clip.wav", "my clip")
    assert client.post("/predict", files=clip()).json()["missing"] == ["text"]
    words = client.post("/predict", files={"text": (None, "We won!")})
    assert words.json()["missing"] == ["audio"]


def test_health_and_schema(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}
    assert client.get("/health", headers={"host": "127.0.0.1"}).status_code == 200
    schema = client.get("/schema").json()
    assert schema["reads"] == ["text", "audio"] and "joy" in schema["tasks"]["emotion"]
    assert "/predict" in client.get("/openapi.json").json()["paths"]
    assert client.get("/docs").status_code == 404  # it would load scripts from elsewhere


@pytest.mark.parametrize(
    ("request_of", "status", "reason"),
    [
        (lambda c: c.post("/predict", files=clip(content=b"x" * 300_000)), 413, "too-large"),
        (lambda c: c.post("/predict", content=iter([b"x" * 150_000] * 3),
                          headers={"content-type": "multipart/form-data; boundary=b"}),
         413, "too-large"),
        (lambda c: c.post("/predict", files={"text": (None, "x" * 51)}), 413, "too-large"),
        (lambda c: c.post("/predict", json={"text": "x"}), 415, "wrong-type"),
        (lambda c: c.post("/predict", files=clip("notes.pdf")), 415, "wrong-type"),
        (lambda c: c.post("/predict", files=clip(content=b"RIFF nothing")), 422, "undecodable"),
        (lambda c: c.post("/predict", files=clip(content=b"")), 422, "undecodable"),
        (lambda c: c.post("/predict", files={"other": (None, "x")}), 422, "nothing"),
        (lambda c: c.post("/predict", files={"file": (None, "words")}), 422, "wrong-form"),
        (lambda c: c.post("/predict", content=b"no form",
                          headers={"content-type": "multipart/form-data; boundary=b"}),
         400, "wrong-request"),
        (lambda c: c.post("/predict", content=b"no form",
                          headers={"content-type": "multipart/form-data"}),
         400, "wrong-request"),
        (lambda c: c.get("/predict"), 405, "wrong-request"),
        (lambda c: c.get("/runs/main/run.json"), 404, "wrong-request"),
        (lambda c: c.get("/health", headers={"host": "evil.example"}), 403, "other-host"),
        (lambda c: c.get("/health", headers={"host": "127.0.0.1.evil:8000"}), 403, "other-host"),
        (lambda c: c.post("/predict", files=clip(), headers={"origin": "http://evil.example"}),
         403, "other-origin"),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused_with_its_reason(
    client: TestClient, request_of: Any, status: int, reason: str
) -> None:
    answer = request_of(client)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
    assert "Traceback" not in answer.text and "/tmp" not in answer.text
    assert client.get("/health").json()["status"] == "ok"


def test_a_long_clip_is_refused(client: TestClient, tmp_path: Path) -> None:
    sound = torch.zeros(8000 * 3).numpy()
    soundfile.write(tmp_path / "long.flac", sound, 8000)
    answer = client.post("/predict", files=clip("a.flac", (tmp_path / "long.flac").read_bytes()))
    assert (answer.status_code, answer.json()["reason"]) == (422, "too-long")


def test_what_waits_beyond_the_limit_is_told_to_come_back(
    service: Service, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, answer_now = threading.Event(), service._predict_now

    def slow(*request: Any) -> Any:
        go_on.wait(10)
        return answer_now(*request)

    monkeypatch.setattr(service, "_predict_now", slow)
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(client.post("/predict", files=clip()).status_code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while service.num_waiting < 2:
        time.sleep(0.01)
    busy = client.post("/predict", files=clip())
    assert busy.status_code == 429 and busy.headers["retry-after"] == "1"
    go_on.set()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200] and service.num_waiting == 0


def test_what_takes_too_long_is_ended(
    service: Service, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(service, "limits", Limits(timeout_s=0.2))
        patch.setattr(service, "_predict_now", lambda *_: go_on.wait(5))
        answer = client.post("/predict", files=clip())
    assert (answer.status_code, answer.json()["reason"]) == (503, "too-slow")
    go_on.set()
    assert client.post("/predict", files=clip()).status_code == 200


def test_a_clip_that_hangs_is_ended_and_the_next_one_is_answered(
    service: Service, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place is free only when the thread is; the decoder is killed and started anew."""
    assert client.post("/predict", files=clip()).status_code == 200
    child = service.predictor.encoders["audio"].child
    answer_now = service._predict_now

    def hanging(*request: Any) -> Any:
        with pytest.raises(ProjectError, match="ended unexpectedly"):
            child.call(time.sleep, 60)
        return answer_now(*request)

    with monkeypatch.context() as patch:
        patch.setattr(service, "limits", Limits(timeout_s=0.5))
        patch.setattr(service, "_predict_now", hanging)
        begin = time.monotonic()
        assert client.post("/predict", files=clip()).status_code == 503
    while service.num_waiting:
        assert time.monotonic() - begin < 20
        time.sleep(0.01)
    assert client.post("/predict", files=clip()).status_code == 200


def test_a_fault_of_ours_is_a_line_and_not_a_trace(
    service: Service, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_predict_now", lambda *_: 1 / 0)
    answer = client.post("/predict", files=clip())
    assert answer.status_code == 500
    assert answer.json() == {
        "reason": "fault",
        "detail": "internal error; see the log of the server",
    }


@pytest.fixture
def heeded_ctrl_c() -> Iterator[None]:
    """A shell that starts the tests in the background has it ignored, and so would the server."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("is_early", [True, False], ids=["early", "listening"])
@pytest.mark.parametrize("command", [("serve", "main"), ("explore", "mine", "--no-browser")])
@pytest.mark.usefixtures("heeded_ctrl_c")
def test_ctrl_c_ends_a_server_as_the_line_says(
    project: Path, command: tuple[str, ...], is_early: bool
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, str(ROOT / "cli.py"), *command, "--port", str(port)]
    with subprocess.Popen(words, stdout=-1, stderr=-1, text=True) as server:
        try:
            assert server.stdout is not None
            assert "Ctrl-C stops it" in server.stdout.readline()
            if not is_early:
                wait_for_answer(port)
            server.send_signal(signal.SIGINT)
            _, said = server.communicate(timeout=60)
        finally:
            server.kill()
    assert server.returncode == 0 and "Aborted" not in said, said


def wait_for_answer(port: int) -> None:
    """Wait for an HTTP answer: a socket can accept before its server runs."""
    for _ in range(600):
        with suppress(OSError), closing(HTTPConnection("127.0.0.1", port)) as asked:
            asked.request("GET", "/")
            asked.getresponse()
            return
        time.sleep(0.05)
    pytest.fail("the server did not answer within 30 s")
