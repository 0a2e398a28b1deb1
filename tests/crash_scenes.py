"""What a crash can interrupt: each scene writes below a folder, and says what may be seen after."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from features.drafts import sweep_drafts
from features.manifest import Utterance, read_utterances, write_records
from features.runs.sealed import read_sealed, write_sealed
from features.specs.tracks import ExtractSpec
from features.store.pool import Part, Pool
from features.store.publish import Header, publish
from features.store.verify import verify
from tests.fill_world import World
from train.loop.checkpoint import Checkpoint

Tree = dict[str, bytes]


@dataclass(frozen=True)
class Scene:
    """Something that is written below a folder.

    `before` is what stands there already, `write` is what is interrupted and later done once more.
    `visible` reads what a user would; whatever it returns after a crash has to be what it returned
    before the interrupted write, after it, or nothing. It raises where something is torn.
    """

    before: Callable[[Path], None]
    write: Callable[[Path], None]
    visible: Callable[[Path], Any]


def tree(folder: Path) -> Tree:
    """Every file below a folder, by relative name."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def _values(number: int) -> Any:
    return np.random.default_rng(number).normal(size=(1, 5 + number, 3)).astype(np.float16)


def _part(pool: Pool, number: int) -> Part:
    key = f"{number:02d}part"
    finished = pool.find(key)
    if finished is not None:
        # Never silently wrong: what counts as finished has the values it was made with.
        stored = pool.chunk_path(key).read_bytes()[:-4]
        assert stored == _values(number).tobytes(), f"part {number} is torn"
        return finished
    steps = 5 + number
    return pool.add(
        _values(number),
        key=key,
        ids=(f"u{number}", f"v{number}"),
        inputs=("a", "b"),
        lengths=(2, steps - 2),
        reasons=("ok", "ok"),
        spans=None,
        made_with={},
    )


def _fill(root: Path, numbers: tuple[int, ...], recipe: str) -> None:
    pool = Pool(root / "pool")
    pool.sweep()
    parts = [_part(pool, number) for number in numbers]
    header = Header(recipe, {"code": "x"}, "audio", 3, (0,), "float16", 50.0, 0.0)
    publish(root / "store.zarr", header, parts, pool)


def _sound_store(root: Path) -> Tree:
    path = root / "store.zarr"
    if path.exists():
        assert verify(path) == []
    return tree(path)


STORE = Scene(
    before=lambda root: _fill(root, (0, 1), "old"),
    write=lambda root: _fill(root, (1, 2, 3), "new"),
    visible=_sound_store,
)


def _write_run(root: Path, name: str) -> None:
    files = {"metrics.json": name.encode() * 9, "weights/1.safetensors": name.encode() * 500}
    write_sealed(root / "runs" / "main", "run.json", {"name": name}, files)


def _read_run(root: Path) -> Any:
    run = read_sealed(root / "runs" / "main", "run.json", ["metrics.json"])
    return run and (run.record, run.contents)


RUN = Scene(lambda root: _write_run(root, "old"), lambda root: _write_run(root, "new"), _read_run)


def _write_checkpoint(root: Path, epoch: int) -> None:
    sweep_drafts(root)
    Checkpoint(root / "fold 1, seed 0.pt").write({"epoch": epoch, "weights": torch.ones(9) * epoch})


def _read_checkpoint(root: Path) -> Any:
    state = Checkpoint(root / "fold 1, seed 0.pt").read()
    return state and (state["epoch"], state["weights"].tolist())


CHECKPOINT = Scene(
    lambda root: _write_checkpoint(root, 3),
    lambda root: _write_checkpoint(root, 4),
    _read_checkpoint,
)


def _write_manifest(root: Path, count: int) -> None:
    sweep_drafts(root)
    write_records(root / "manifest.jsonl", (Utterance(f"u{n}", text="x") for n in range(count)))


def _read_manifest(root: Path) -> Any:
    path = root / "manifest.jsonl"
    return read_utterances(path) if path.exists() else None


MANIFEST = Scene(
    lambda root: _write_manifest(root, 2),
    lambda root: _write_manifest(root, 5),
    _read_manifest,
)


def extraction(demo_root: Path) -> Scene:
    """Spectrograms of eight clips that take the place of those of four, a part for each two."""

    def extract(root: Path, count: int) -> None:
        world = World(root, demo_root)
        world.manifest = [
            replace(utterance, dialogue=f"d{number // 2}")
            for number, utterance in enumerate(world.manifest[:count])
        ]
        world.extract(ExtractSpec(part_bytes=1))

    def visible(root: Path) -> Tree:
        path = World(root, demo_root).path
        if path.exists():
            assert verify(path) == []
        return tree(path)

    return Scene(lambda root: extract(root, 4), lambda root: extract(root, 8), visible)


def scenes(demo_root: Path) -> dict[str, Scene]:
    """Every scene by its name."""
    return {
        "store": STORE,
        "run": RUN,
        "checkpoint": CHECKPOINT,
        "manifest": MANIFEST,
        "extraction": extraction(demo_root),
    }


def copy_of(root: Path, to: Path) -> Path:
    """A folder that can be changed without changing `root`, hard links kept apart."""
    return Path(shutil.copytree(root, to))
