"""Files and folders in the making: whole or absent after kills and power cuts, never shared."""

import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from features.drafts import draft_of, sweep_drafts
from features.files import write_atomic, write_folder
from tests.conftest import ROOT
from tests.power_cuts import Recording, recorded
from tests.test_store import add_part, header, pool, store_path  # noqa: F401

OLD = {"a.json": b"old", "weights/1.bin": b"old weights", "weights/2.bin": b"more"}
NEW = {"a.json": b"new", "weights/1.bin": b"new weights", "b.csv": b"x,y\n"}
NUM_CUTS = 100


def tree(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def states_after_cuts(recording: Recording, name: str, tmp_path: Path) -> list[dict[str, bytes]]:
    """The content of a folder after power cuts at random moments; {} where it is absent."""
    random, states = np.random.default_rng(0), []
    for number in range(NUM_CUTS):
        copy = tmp_path / f"cut-{number}"
        recording.cut(random, copy)
        states.append(tree(copy / name) if (copy / name).exists() else {})
    return states


def test_a_recording_of_careless_writes_shows_torn_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recording itself: files without flushes, renamed at once, are seen to be torn."""
    (tmp_path / "runs").mkdir()
    with recorded(tmp_path / "runs", monkeypatch) as recording:
        draft = tmp_path / "runs" / "draft"
        draft.mkdir()
        for name in ("a.json", "b.csv"):
            (draft / name).write_bytes(NEW[name])
        draft.rename(tmp_path / "runs" / "main")
    states = states_after_cuts(recording, "main", tmp_path)
    whole = {name: NEW[name] for name in ("a.json", "b.csv")}
    assert any(state not in (whole, {}) for state in states)


def test_two_drafts_of_one_name_differ_and_neither_is_swept_while_it_is_held(
    tmp_path: Path,
) -> None:
    with draft_of(tmp_path / "x.zarr") as first, draft_of(tmp_path / "x.zarr") as second:
        assert first != second
        first.mkdir()
        second.write_text("half")
        sweep_drafts(tmp_path)
        assert first.is_dir() and second.is_file()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from features.drafts import draft_of\n"
        "with draft_of(Path(sys.argv[1])) as draft:\n"
        "    draft.mkdir(); (draft / 'half').write_text('x'); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "main")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 9
    assert len(list(tmp_path.glob(".main.*"))) == 2
    sweep_drafts(tmp_path, "other")
    assert len(list(tmp_path.glob(".main.*"))) == 2
    sweep_drafts(tmp_path, "main")
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_path_is_not_swept(tmp_path: Path) -> None:
    write_folder(tmp_path / "main", OLD)
    sweep_drafts(tmp_path)
    assert (tmp_path / ".main.lock").exists()


def _write_often(folder: Path, number: int) -> None:
    # As in two containers: one host name, one process number.
    os.getpid = lambda: 7
    for turn in range(40):
        write_folder(folder, dict.fromkeys(("a", "b/c", "d"), b"%d %d" % (number, turn)))
        write_atomic(folder.with_name("file"), b"%d" % number * 1000)


@pytest.mark.slow
def test_processes_that_write_one_name_at_once_leave_it_whole(tmp_path: Path) -> None:
    context = get_context("fork")
    writers = [context.Process(target=_write_often, args=(tmp_path / "m", n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(set(tree(tmp_path / "m").values())) == 1 and len(tree(tmp_path / "m")) == 3
    assert len(set((tmp_path / "file").read_text())) == 1
    assert sorted(f.name for f in tmp_path.iterdir()) == [".m.lock", "file", "m"]
