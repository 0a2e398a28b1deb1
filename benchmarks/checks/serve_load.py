"""`serve` under load: clients with good and hostile requests, all on this machine.

Makes a small demo, trains a probe on log-mel features, bundles it, and starts the server as a user
would. After a warm-up, `--clients` threads send requests for `--seconds`: two thirds are good
clips, the others broken files, too large ones, other types, broken HTTP, and connections cut
midway; a client that is told to come back waits for 0.1 s. Then one client alone sends good clips,
in turns with the bare forward pass in this process.

`refused_rightly` is the share of the hostile requests that got the status they should, of those
that wait for an answer; `growth_mb` is the resident memory of the server and its children at the
end less that after the first third; `over_forward` is the median latency of one client alone over
the bare forward pass. Needs requirements-extra.txt.

    python benchmarks/checks/serve_load.py [--json PATH] [--clients 32] [--seconds 60]
"""

import http.client
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

BOUNDARY = "limit-of-parts"
MAX_BYTES = 400_000
PARAMS = """
extract: {}
synthetic: {}
corpora: {mine: {code: demo, root: mine}}
backbones: {mel: {code: log-mel}}
tracks: {mine-mel: {corpus: mine, backbone: mel}}
heads:
  main:
    code: probe
    corpus: mine
    inputs: {text: none, audio: mel, video: none}
    tasks: {emotion: {}}
continued: {}
transfers: {}
"""
# What is sent, and the statuses that are right; 429 is right for every one that is read at all.
HOSTILE = {
    "broken": {422},
    "too large": {413},
    "other type": {415},
    "no form": {400, 415, 422},
    "other host": {403},
}
SILENT = ("broken HTTP", "cut midway")


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--clients", default=32, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
def main(json_path: Path | None, clients: int, seconds: float) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="serve-load-") as name:
        folder = Path(name)
        prepare(folder)
        figures = measure(folder, clients, seconds)
    for figure, value in figures.items():
        click.echo(f"{figure:<20}{value if isinstance(value, dict | int) else round(value, 4)}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def prepare(folder: Path) -> None:
    """The bundle of a small head in `folder`."""
    from extract.synthetic import demo

    demo.make(folder / "mine", seed=1, num_dialogues=8)
    (folder / "params.yaml").write_text(PARAMS)
    for command in ("manifest mine", "extract mine-mel", "train main", "bundle main bundle"):
        subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *command.split()],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip


def measure(folder: Path, clients: int, seconds: float) -> dict[str, Any]:
    """Start the server, load it, and look at it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "bundle", "--port", str(port)]
    options = ["--max-bytes", str(MAX_BYTES), "--max-waiting", "16"]
    server = subprocess.Popen([*command, *options], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        wait_until_up(port)
        clip = (folder / "mine/audio/d000-u0.wav").read_bytes()
        for _ in range(20):
            assert ask(port, "good", clip) == 200
        load = Load(port, clip, seconds)
        threads = [threading.Thread(target=load.client, args=(n,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        time.sleep(seconds / 3)
        early_mb = memory_mb(server.pid)
        for thread in threads:
            thread.join()
        late_mb = memory_mb(server.pid)
        assert server.poll() is None, "the server ended"
        alone = latencies(port, clip, folder)
    finally:
        server.terminate()
        server.wait()
    return {**load.figures(seconds), "memory_mb": late_mb, "growth_mb": late_mb - early_mb, **alone}


class Load:
    """What clients send until the time is over, and what came back."""

    def __init__(self, port: int, clip: bytes, seconds: float) -> None:
        self.port, self.clip, self.end = port, clip, time.monotonic() + seconds
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.latencies_s: list[float] = []
        self.lock = threading.Lock()

    def client(self, number: int) -> None:
        """Send one request after the other."""
        chooser = random.Random(number)
        while time.monotonic() < self.end:
            kind = "good" if chooser.random() < 2 / 3 else chooser.choice([*HOSTILE, *SILENT])
            begin = time.monotonic()
            status = ask(self.port, kind, self.clip)
            if status == 429:
                time.sleep(0.1)
            with self.lock:
                self.statuses[kind, status] += 1
                if kind == "good" and status == 200:
                    self.latencies_s.append(time.monotonic() - begin)

    def figures(self, seconds: float) -> dict[str, Any]:
        """How many of each, and how fast."""
        hostile = {key: n for key, n in self.statuses.items() if key[0] in HOSTILE}
        right = sum(n for (k, s), n in hostile.items() if s in HOSTILE[k] or s == 429)
        by_kind: dict[str, dict[int, int]] = {}
        for (kind, status), count in sorted(self.statuses.items()):
            by_kind.setdefault(kind, {})[status] = count
        return {
            "requests": sum(self.statuses.values()),
            "statuses": by_kind,
            "refused_rightly": right / max(1, sum(hostile.values())),
            "faults": sum(n for (_, status), n in self.statuses.items() if status == 500),
            "answers_per_s": len(self.latencies_s) / seconds,
            "median_loaded_s": statistics.median(self.latencies_s),
        }


def ask(port: int, kind: str, clip: bytes) -> int:
    """The status of a request of one kind; 0 where no answer was waited for."""
    if kind in SILENT:
        with socket.create_connection(("127.0.0.1", port), 10) as raw:
            if kind == "broken HTTP":
                raw.sendall(b"NOT HTTP AT ALL\r\n\r\n" + clip[:50])
            else:
                raw.sendall(
                    b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90000\r\n"
                    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
                )
        return 0
    name, content = "clip.wav", clip
    if kind == "broken":
        content = clip[:30] + bytes(200)
    elif kind == "too large":
        content = clip * (MAX_BYTES // len(clip) + 2)
    elif kind == "other type":
        name = "clip.exe"
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: audio/wav\r\n\r\n"
    ).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()  # fmt: skip
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    if kind == "no form":
        body, headers = b"{}", {"Content-Type": "application/json"}
    if kind == "other host":
        headers["Host"] = "evil.example"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/predict", body, headers)
        response = connection.getresponse()
        text = response.read()
        assert b"Traceback" not in text
        assert response.status == 200 or json.loads(text)["reason"]
        return response.status
    except (BrokenPipeError, ConnectionResetError):
        return 413 if kind == "too large" else -1  # it answered before all was sent
    finally:
        connection.close()


def wait_until_up(port: int) -> None:
    """Return when the server answers."""
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server did not start")


def memory_mb(pid: int) -> float:
    """The resident memory of a process and its children."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(process.memory_info().rss for process in processes)) / 1e6


def latencies(port: int, clip: bytes, folder: Path) -> dict[str, float]:
    """Medians of one client alone and of the bare forward pass, in turns."""
    import torch

    from app.bundles.read import read_bundle
    from app.predict.clips import clips_of
    from app.predict.predictor import Predictor

    served, bare = [], []
    with Predictor(read_bundle(folder / "bundle"), torch.device("cpu")) as predictor:
        (clips,) = clips_of([folder / "mine/audio/d000-u0.wav"], None, lambda _: None)
        list(predictor.predict(clips))
        for _ in range(50):
            begin = time.perf_counter()
            assert ask(port, "good", clip) == 200
            middle = time.perf_counter()
            list(predictor.predict(clips))
            bare.append(time.perf_counter() - middle)
            served.append(middle - begin)
    alone, forward = statistics.median(served), statistics.median(bare)
    return {"median_alone_s": alone, "median_forward_s": forward, "over_forward": alone / forward}


if __name__ == "__main__":
    main()
