"""The `python` of the tests does what Python does, in a process that has started already."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.started import folder_of_python

pytestmark = pytest.mark.slow

SCRIPT = """
import atexit, os, sys, time
print(sys.argv, os.getcwd(), __name__, os.environ.get("WORD"), 'torch' in sys.modules)
atexit.register(print, "at exit")
what = sys.argv[1]
if what == "fail":
    raise ValueError("no")
if what == "wait":
    open("pid", "w").write(str(os.getpid()))
    time.sleep(60)
sys.exit({"seven": 7, "words": "some words", "none": None}[what])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cli.py").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def started(folder: Path, what: str, **variables: str) -> "subprocess.Popen[str]":
    path = f"{folder_of_python()}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["python", "cli.py", what],
        cwd=folder, env={**os.environ, "PATH": path, **variables}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("what", ["seven", "words", "none", "fail"])
def test_it_prints_and_ends_as_python_does(folder: Path, what: str) -> None:
    process = started(folder, what, WORD="a b")
    out, err = process.communicate(timeout=60)
    real = subprocess.run(
        [sys.executable, "cli.py", what],
        cwd=folder, env={**os.environ, "WORD": "a b"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "False" in real.stdout and out == real.stdout.replace("False", "True")
    assert process.returncode == real.returncode
    assert err.splitlines()[-1:] == real.stderr.splitlines()[-1:]


def test_python_itself_runs_where_a_variable_could_change_an_import(folder: Path) -> None:
    out, _ = started(folder, "none", OMP_NUM_THREADS="3").communicate(timeout=60)
    assert "False" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_the_command(folder: Path, number: signal.Signals) -> None:
    pid = folder / "pid"
    with started(folder, "wait") as process:
        try:
            while not (pid.exists() and pid.read_text()):
                time.sleep(0.01)
            process.send_signal(number)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == -number
    with pytest.raises(ProcessLookupError):
        for _ in range(600):
            os.kill(int(pid.read_text()), 0)
            time.sleep(0.05)


def test_a_client_that_goes_before_it_has_asked_does_no_harm(folder: Path) -> None:
    address = str(folder_of_python() / "socket")
    for sent in (b"", (100).to_bytes(8, "big"), (100).to_bytes(8, "big") + b"{"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(address)
            client.sendall(sent)
    process = started(folder, "seven")
    process.communicate(timeout=60)
    assert process.returncode == 7
