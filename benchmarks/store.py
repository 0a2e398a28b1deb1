"""How fast tracks are read from a store, against a flat memory map of the same values.

Beside it, the same tracks as others keep them. Random batches of 32 utterances with lengths like
those of MELD's speech, float16, 768 wide. All take turns in one process; each figure is the median
over the rounds of a ratio within a round, above 1 where it is faster than the flat map. The first
round is dropped. The slow ones read a few of the batches, and time is counted per batch.

    python benchmarks/store.py [--json PATH] [--utterances 1500] [--rounds 9]

`open_s` are the seconds that `Store(path)` takes for 100,000 utterances in 1,000 parts. Needs
requirements-extra.txt.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.worlds.stores import (
    Array,
    Read,
    flat_map,
    hdf5_datasets,
    hdf5_flat,
    lmdb_entries,
    npy_files,
    our_store,
    plain_zarr,
)
from features.store.reader import Store

DIM = 768
BATCH = 32
SLOW = {"zarr-python": 1, "hdf5_datasets": 8, "npy_files": 8}
OPENED = 100_000


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--utterances", default=1500, show_default=True)
@click.option("--rounds", default=9, show_default=True)
def main(json_path: Path | None, utterances: int, rounds: int) -> None:
    """Print a table of ratios; above 1 is faster than the flat map."""
    with tempfile.TemporaryDirectory(prefix="store-benchmark-") as name:
        figures = measure(Path(name), utterances, rounds)
        figures["open_s"] = opening_s(Path(name) / "many", 5)
    for name, value in figures.items():
        click.echo(f"{name:<28}{value:>10.3f}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def measure(folder: Path, utterances: int, rounds: int) -> dict[str, float]:
    """Write the same values in every way and read them, in turns."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(np.log(137), 0.6, utterances), 8, 1500).astype(int).tolist()
    values = random.standard_normal((sum(lengths), DIM), np.float32).astype(np.float16)
    store = our_store(folder, values, lengths)
    readers: dict[str, Read] = {"flat": flat_map(folder, values, lengths)}
    readers["reader"] = lambda rows: store.read(rows)[0]
    for make in (lmdb_entries, hdf5_flat, hdf5_datasets, npy_files):
        readers[make.__name__] = make(folder, values, lengths)
    readers["zarr-python"] = plain_zarr(store)
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(rounds + 1):
        order = np.random.default_rng(number).permutation(utterances)
        batches = order[: utterances // BATCH * BATCH].reshape(-1, BATCH).tolist()
        for name in sorted(readers, reverse=bool(number % 2)):
            some = batches[: SLOW.get(name)]
            _same(readers[name](some[0]), readers["flat"](some[0]), name)
            begin = time.perf_counter()
            for batch in some:
                readers[name](batch)
            if number:
                seconds[name].append((time.perf_counter() - begin) / len(some))
    ratios = {
        name: np.array(seconds["flat"]) / np.array(others)
        for name, others in seconds.items()
        if name != "flat"
    }
    figures = {f"{name}_over_memmap": float(np.median(ratio)) for name, ratio in ratios.items()}
    figures["reader_over_memmap_min"] = float(ratios["reader"].min())
    figures["reader_over_memmap_max"] = float(ratios["reader"].max())
    gigabytes = values.nbytes / 1e9 / (utterances // BATCH)
    return figures | {"memmap_gb_per_s": gigabytes / float(np.median(seconds["flat"]))}


def _same(batch: Array, reference: Array, name: str) -> None:
    assert np.array_equal(batch, reference), f"{name} reads other values"


def opening_s(folder: Path, rounds: int) -> float:
    """The median time to open a store of many utterances."""
    lengths = [1] * OPENED
    path = our_store(folder, np.ones((OPENED, 2), np.float16), lengths).path
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        assert len(Store(path)) == OPENED
        seconds.append(time.perf_counter() - begin)
    shutil.rmtree(folder)
    return float(np.median(seconds))


if __name__ == "__main__":
    main()
