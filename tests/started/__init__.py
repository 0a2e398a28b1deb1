"""A `python` for tests whose packages are imported already."""

import atexit
import shlex
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@cache
def folder_of_python() -> Path:
    """A folder with a `python` to put at the front of PATH.

    The process behind it starts with the first call and ends with this one.
    """
    temporary = tempfile.TemporaryDirectory(prefix="started-")
    folder = Path(temporary.name)
    address = folder / "socket"
    server = subprocess.Popen(
        [sys.executable, str(HERE / "server.py"), str(address)], stdin=subprocess.PIPE, text=True
    )

    def end() -> None:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(timeout=60)
        temporary.cleanup()

    atexit.register(end)
    words = [sys.executable, "-IS", HERE / "client.py", sys.executable, address]
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, words))} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    deadline = time.monotonic() + 300
    while not address.exists():
        assert server.poll() is None and time.monotonic() < deadline, "the process did not start"
        time.sleep(0.01)
    return folder
