"""How fast tracks are read from a store, against a flat memory map of the same values.

Random batches of 32 utterances with lengths like those of MELD's speech, float16, 768 wide. The
two are interleaved in one process; each figure is the median over the rounds, and the first
round is dropped. `python benchmarks/store.py [--json PATH]`
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import zarr
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store

DIM = 768
BATCH = 32
UTTERANCES_PER_PART = 100
Array = NDArray[Any]


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--utterances", default=1500, show_default=True)
@click.option("--rounds", default=9, show_default=True)
def main(json_path: Path | None, utterances: int, rounds: int) -> None:
    """Print a table of ratios; above 1 is faster than the flat map."""
    folder = Path(tempfile.mkdtemp(prefix="store-benchmark-"))
    try:
        figures = measure(folder, utterances, rounds)
    finally:
        shutil.rmtree(folder)
    click.echo(f"{'figure':<28}{'value':>10}")
    for name, value in figures.items():
        click.echo(f"{name:<28}{value:>10.3f}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def measure(folder: Path, utterances: int, rounds: int) -> dict[str, float]:
    """Build a store and a flat file of the same values and read both, in turns."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(np.log(137), 0.6, utterances), 8, 1500).astype(int)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    values = random.standard_normal((ends[-1], DIM), np.float32).astype(np.float16)
    values.tofile(folder / "flat.bin")
    store = _store(folder, values, lengths.tolist())
    flat = np.memmap(folder / "flat.bin", np.float16, "r", shape=values.shape)
    spans = list(zip(starts.tolist(), ends.tolist(), strict=True))
    seconds: dict[str, list[float]] = {"flat": [], "reader": []}
    readers: dict[str, Callable[[list[int]], Array]] = {
        "flat": partial(read_flat, flat, spans),
        "reader": store.read,
    }
    for number in range(rounds + 1):
        order = np.random.default_rng(number).permutation(utterances)
        batches = [
            rows.tolist() for rows in order[: utterances // BATCH * BATCH].reshape(-1, BATCH)
        ]
        assert np.array_equal(readers["flat"](batches[0]), readers["reader"](batches[0])[0])
        for name in sorted(readers, reverse=bool(number % 2)):
            begin = time.perf_counter()
            for batch in batches:
                readers[name](batch)
            if number:
                seconds[name].append(time.perf_counter() - begin)
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    ratios = [
        flat_s / ours for flat_s, ours in zip(seconds["flat"], seconds["reader"], strict=True)
    ]
    gigabytes = values.nbytes / 1e9
    return {
        "reader_over_memmap": float(np.median(ratios)),
        "reader_over_memmap_min": min(ratios),
        "reader_over_memmap_max": max(ratios),
        "zarr_over_memmap": medians["flat"] / _plain_zarr(store, batches[0], len(batches)),
        "memmap_gb_per_s": gigabytes / medians["flat"],
    }


def read_flat(flat: Array, spans: list[tuple[int, int]], rows: list[int]) -> Array:
    """The control: copy the rows' steps out of one flat map."""
    total = sum([spans[row][1] - spans[row][0] for row in rows])
    out = np.empty((total, DIM), np.float16)
    at = 0
    for row in rows:
        start, end = spans[row]
        out[at : at + end - start] = flat[start:end]
        at += end - start
    return out


def _plain_zarr(store: Store, batch: list[int], num_batches: int) -> float:
    """Seconds that plain zarr-python would take for all batches, from one of them."""
    group = zarr.open_group(store.path, mode="r")
    parts = [group[f"parts/{entry['key']}"] for entry in store.attributes["parts"]]
    begin = time.perf_counter()
    for row in batch:
        start = store._starts[row]
        parts[store._parts[row]][:, start : start + store._lengths[row]]  # type: ignore[index]
    return (time.perf_counter() - begin) * num_batches


def _store(folder: Path, values: Array, lengths: list[int]) -> Store:
    pool, parts, at = Pool(folder / "pool"), [], 0
    for first in range(0, len(lengths), UTTERANCES_PER_PART):
        chosen = tuple(lengths[first : first + UTTERANCES_PER_PART])
        part = pool.add(
            values[None, at : at + sum(chosen)],
            key=f"{first:06d}",
            ids=tuple(f"u{first + n}" for n in range(len(chosen))),
            inputs=("",) * len(chosen),
            lengths=chosen,
            reasons=("ok",) * len(chosen),
            spans=None,
            made_with={},
        )
        parts.append(part)
        at += sum(chosen)
    header = Header("", {"code": "benchmark"}, "audio", DIM, (0,), "float16", 50.0, 0.0)
    publish(folder / "benchmark.zarr", header, parts, pool)
    return Store(folder / "benchmark.zarr")


if __name__ == "__main__":
    main()
