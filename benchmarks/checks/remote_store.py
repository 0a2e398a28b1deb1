"""An epoch of random batches from an S3-compatible server of this machine, beside one from disk.

400 utterances of MELD's speech lengths, float16, 768 wide; batches of 32. The first epoch fetches
every chunk, later ones read what was kept; `kept_over_disk` is the time from disk over theirs, the
median of five rounds. Needs `pip install s3fs moto flask`, in an environment of its own: their pins
clash with those of DVC.

    python benchmarks/checks/remote_store.py [--json PATH]
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

PORT, BATCH, UTTERANCES, DIM = 5556, 32, 400, 768


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(json_path: Path | None) -> None:
    """Print seconds, and the megabytes that were fetched."""
    from moto.server import ThreadedMotoServer

    os.environ.update(
        AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{PORT}",
    )  # fmt: skip
    server = ThreadedMotoServer(port=PORT, verbose=False)
    server.start()
    try:
        with tempfile.TemporaryDirectory(prefix="remote-benchmark-") as name:
            os.environ["PERMAFROST_REMOTE"] = f"{name}/kept"
            figures = measure(Path(name))
    finally:
        server.stop()
    for figure, value in figures.items():
        click.echo(f"{figure:<16}{value:>10.3f}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def measure(folder: Path) -> dict[str, float]:
    """Publish a store, copy it to the server and read both."""
    import fsspec

    from benchmarks.worlds.stores import our_store
    from features.store.reader import Store

    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(np.log(137), 0.6, UTTERANCES), 8, 1500).astype(int).tolist()
    values = random.standard_normal((sum(lengths), DIM), np.float32).astype(np.float16)
    local = our_store(folder, values, lengths)
    files = fsspec.filesystem("s3")
    files.mkdir("bucket")
    files.put(str(local.path), "bucket/b.zarr", recursive=True)
    begin = time.perf_counter()
    store = Store("s3://bucket/b.zarr")
    figures = {"open_s": time.perf_counter() - begin, "first_epoch_s": epoch_s(store)}
    epoch_s(local)
    pairs = [(epoch_s(store), epoch_s(local)) for _ in range(5)]
    assert all(np.array_equal(store.track(row), local.track(row)) for row in range(UTTERANCES))
    figures["kept_over_disk"] = float(np.median([disk / kept for kept, disk in pairs]))
    return figures | {
        "disk_epoch_s": float(np.median([disk for _, disk in pairs])),
        "megabytes": values.nbytes / 1e6,
    }


def epoch_s(store: Any) -> float:
    """Seconds of an epoch."""
    order = np.random.default_rng(0).permutation(UTTERANCES)[: UTTERANCES // BATCH * BATCH]
    begin = time.perf_counter()
    for batch in order.reshape(-1, BATCH).tolist():
        store.read(batch)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
