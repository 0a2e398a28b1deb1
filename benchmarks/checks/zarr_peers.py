"""Opens a store with every Zarr v3 reader at hand and compares all of its values with ours.

Makes a store of text-like and of speech-like tracks, two layers and one, float16 and float32, with
a part without steps among them, or takes the store at a path. Needs `pip install tensorstore zarrs`
(tensorstore is C++, zarrs is Rust; neither shares code with zarr-python).

    python benchmarks/checks/zarr_peers.py [STORE.zarr]
"""

import importlib.metadata
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store

ReadArray = Callable[[Path], Any]
LENGTHS = ((3, 0, 4), (1,), (0, 0), (2, 6))


@click.command()
@click.argument("store", required=False, type=click.Path(path_type=Path, exists=True))
def main(store: Path | None) -> None:
    """Print a line for each reader; ends with an error where a value differs."""
    with tempfile.TemporaryDirectory(prefix="zarr-peers-") as name:
        paths = [store] if store else list(made(Path(name)))
        for library, read in readers().items():
            counts = [compared(path, read) for path in paths]
            version = importlib.metadata.version(library)
            click.echo(
                f"{library} {version}: {len(paths)} stores, {sum(arrays for arrays, _ in counts)} "
                f"arrays and {sum(tracks for _, tracks in counts)} tracks are equal"
            )


def made(folder: Path) -> Iterator[Path]:
    """Stores of every layout that ours have."""
    for layers in (1, 2):
        for dtype in ("float16", "float32"):
            path, pool = folder / f"{layers}-{dtype}.zarr", Pool(folder / f"{layers}-{dtype}")
            parts = [_part(pool, n, lengths, layers, dtype) for n, lengths in enumerate(LENGTHS)]
            chosen = tuple(range(layers))
            publish(path, Header("", {"code": "x"}, "text", 5, chosen, dtype), parts, pool)
            yield path


def _part(pool: Pool, number: int, lengths: tuple[int, ...], layers: int, dtype: str) -> Any:
    steps = sum(lengths)
    values = np.random.default_rng(number).normal(size=(layers, steps, 5)).astype(dtype)
    return pool.add(
        values,
        key=f"{number:04d}",
        ids=tuple(f"é{number}-{n}" for n in range(len(lengths))),
        inputs=("",) * len(lengths),
        lengths=lengths,
        reasons=tuple("ok" if length else "missing" for length in lengths),
        spans=tuple((n, n + 1) for n in range(steps)),
        made_with={},
    )


def readers() -> dict[str, ReadArray]:
    """The whole array in a folder, by the library that reads it."""
    return {"zarr": _by_zarr, "tensorstore": _by_tensorstore, "zarrs": _by_zarrs}


def _by_zarr(path: Path) -> Any:
    import zarr

    return zarr.open_array(path, mode="r")[...]


def _by_tensorstore(path: Path) -> Any:
    import tensorstore

    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/"}}
    return tensorstore.open(spec, open=True).result().read().result()


def _by_zarrs(path: Path) -> Any:
    """The pipeline of zarrs beneath zarr-python's own array."""
    import zarr
    import zarrs  # noqa: F401

    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        array = zarr.open_array(path, mode="r")
        pipeline = type(array._async_array.codec_pipeline).__module__
        assert pipeline.startswith("zarrs"), pipeline
        return array[...]


def compared(path: Path, read: ReadArray) -> tuple[int, int]:
    """Compare all arrays of a store and all its tracks; how many there were of each."""
    store = Store(path)
    index = {file.parent.name: read(file.parent) for file in path.glob("index/*/zarr.json")}
    parts = [entry["key"] for entry in store.attributes["parts"]]
    arrays = [read(path / "parts" / key) for key in parts]
    num_tracks = 0
    for row in range(len(store)):
        if store.lengths[row] == 0:
            continue
        start, length = int(index["start"][row]), int(index["length"][row])
        track = np.asarray(arrays[int(index["part"][row])][:, start : start + length])
        expected = store.track(row)
        assert track.dtype == expected.dtype, (path, row, track.dtype)
        assert np.array_equal(track, expected), (path, row)
        num_tracks += 1
    return len(index) + len(arrays), num_tracks


if __name__ == "__main__":
    main()
