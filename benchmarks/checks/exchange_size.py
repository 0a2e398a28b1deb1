"""50,000 utterances (2 GB) go out and come back: time beside a copy of the same bytes, and memory.

The commands run as a user would run them, each beside `shutil.copyfile` and a flush of a file as
large as the store. Memory is what the processes have of their own at most (RssAnon, all of them
together): pages of files that are mapped do not count, the system takes them back when it likes.

    python benchmarks/checks/exchange_size.py FOLDER [--utterances N] [--json PATH]

needs some 12 GB in FOLDER, where it works and leaves nothing.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.paths import labels_path, manifest_path
from features.manifest import Label, Utterance, write_records
from features.specs.tracks import store_path
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store

DIM, STEPS, PER_PART = 768, 26, 5000
FORMATS = ("hdf5", "parquet")


def make_project(count: int) -> None:
    """A store of `count` tracks of random numbers, with labels and a manifest, in this folder."""
    names = [f"utterance-{number:06d}" for number in range(count)]
    random, pool, parts = np.random.default_rng(0), Pool.default(), []
    for start in range(0, count, PER_PART):
        own = names[start : start + PER_PART]
        values = random.standard_normal((1, len(own) * STEPS, DIM), np.float32).astype(np.float16)
        parts.append(
            pool.add(
                values, key=f"{start:06d}", ids=tuple(own), inputs=("",) * len(own),
                lengths=(STEPS,) * len(own), reasons=("ok",) * len(own), spans=None, made_with={},
            )
        )  # fmt: skip
    header = Header("r", {"code": "x"}, "audio", DIM, (0,), "float16", 50.0, 0.01)
    publish(store_path("big", "net"), header, parts, pool)
    write_records(labels_path("big"), (Label(name, "train", emotion="joy") for name in names))
    write_records(manifest_path("big"), (Utterance(name, text="some words") for name in names))


@contextmanager
def peak_memory(process: psutil.Process, peaks: list[int]) -> Iterator[None]:
    """Append the most that a process and its children have of their own, in bytes."""
    stop = threading.Event()
    peak = 0

    def watch() -> None:
        nonlocal peak
        while not stop.wait(0.02):
            total = 0
            for each in [process, *process.children(recursive=True)]:
                try:
                    status = Path(f"/proc/{each.pid}/status").read_text()
                except OSError:
                    continue
                own = [line for line in status.splitlines() if line.startswith("RssAnon")]
                total += sum(int(line.split()[1]) * 1024 for line in own)
            peak = max(peak, total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        peaks.append(peak)


def timed(*command: object) -> tuple[float, int]:
    """Seconds and peak memory of a command of ours."""
    peaks: list[int] = []
    start = time.perf_counter()
    words = [sys.executable, str(ROOT / "cli.py"), *map(str, command)]
    nowhere = subprocess.DEVNULL
    with (
        subprocess.Popen(words, stdout=nowhere, stderr=nowhere) as process,
        peak_memory(psutil.Process(process.pid), peaks),
    ):
        process.wait()
    if process.returncode:
        raise click.ClickException(f"{' '.join(map(str, command))} failed")
    return time.perf_counter() - start, peaks[0]


def copied(source: Path) -> float:
    """Seconds of a copy of a file that is flushed to disk."""
    start = time.perf_counter()
    shutil.copyfile(source, "copy")
    with Path("copy").open("rb+") as file:
        os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    Path("copy").unlink()
    return seconds


def one_file() -> Path:
    """The chunks of the store as one file."""
    path = Path("whole")
    with path.open("wb") as whole:
        for chunk in sorted(store_path("big", "net").rglob("parts/*/c/0/0/0")):
            with chunk.open("rb") as part:
                shutil.copyfileobj(part, whole)
    return path


def equal(first: Store, second: Store) -> bool:
    """Whether all tracks are equal."""
    rows = range(0, len(first), 997)
    same = all(np.array_equal(first.track(row), second.track(row)) for row in rows)
    return same and first.ids == second.ids and bool((first.lengths == second.lengths).all())


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--utterances", default=50_000, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def main(folder: Path, utterances: int, json_path: Path | None) -> None:
    """Run all, print a table, write JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    json_path = None if json_path is None else json_path.absolute()
    os.chdir(folder)
    make_project(utterances)
    whole = one_file()
    store = Store(store_path("big", "net"))
    rows, results = [], {}
    for form in FORMATS:
        for way in ("export", "import"):
            copy_s = copied(whole)
            out = f"out.{form}"
            command = ("big/net", "--to", form, out) if way == "export" else (form, out, "big/back")
            seconds, peak = timed("stores", way, *command)
            copy_s = (copy_s + copied(whole)) / 2
            name = f"{way} {form}"
            results[name] = {"seconds": seconds, "over_copy": seconds / copy_s, "peak_bytes": peak}
            rows.append(f"{name:<16} {seconds:7.1f} s {seconds / copy_s:6.1f} {peak / 1e6:8.0f} MB")
        back = Store(store_path("big", "back"))
        results[form] = {"equal": equal(store, back)}
        shutil.rmtree(store_path("big", "back"))
        shutil.rmtree(Path("features/cache/.parts/imported"))
        Path(f"out.{form}").unlink()
    size = whole.stat().st_size / 1e9
    print(f"{utterances} utterances, {size:.2f} GB; time over a copy of that file; own memory")
    print("\n".join(rows))
    print("equal: " + ", ".join(f"{form} {results[form]['equal']}" for form in FORMATS))
    for name in ("data", "features"):
        shutil.rmtree(name)
    whole.unlink()
    if json_path is not None:
        json_path.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
