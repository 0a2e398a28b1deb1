"""What users can mend is one line, and nothing from a corpus reaches the terminal as it is."""

import csv
import errno
import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from app.results.charts import confusion_matrix
from app.terminal import Escaped, escaped, remedy
from features.errors import ProjectError
from features.runs.csv_files import csv_rows, csv_table
from features.store.pool import Pool
from tests.conftest import ROOT


def test_control_characters_are_written_out_and_line_ends_are_kept() -> None:
    assert escaped("a\x1b[31mred\x07\n\tb\r") == "a\\x1b[31mred\\x07\n\tb\r"
    assert escaped("\x9b2J and \u202etxt.wav") == "\\x9b2J and \\u202etxt.wav"
    assert escaped("Zoë 你好 🙂") == "Zoë 你好 🙂"


def test_a_stream_is_otherwise_as_it_was() -> None:
    plain = io.StringIO()
    stream = Escaped(plain)
    print("u\x1b]0;title\x07", file=stream)  # type: ignore[call-overload]
    stream.flush()
    assert plain.getvalue() == "u\\x1b]0;title\\x07\n"
    assert not stream.isatty()


@pytest.mark.slow
def test_an_escape_sequence_in_a_name_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text('{"\\e[2Jheads": {}}')
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "check"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "[2Jheads" in done.stderr and "\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "free some space"), (errno.EACCES, "change its permissions")],
)
def test_an_error_of_the_file_system_says_what_to_do(number: int, advice: str) -> None:
    error = OSError(number, os.strerror(number), "runs/main")
    assert remedy(error) == (
        f"runs/main: {os.strerror(number)}; {advice} and run the same command again. "
        "Finished work is kept."
    )
    assert remedy(OSError(errno.EINVAL, "")) is None and remedy(FileNotFoundError()) is None


@pytest.mark.slow
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """By a limit on the size of a file, which fails as a full disk does."""
    code = (
        "import resource, runpy, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "import errno, app.terminal; app.terminal.MENDABLE[errno.EFBIG] = 'free some space'\n"
        "sys.argv = ['cli.py', 'use', 'demo']; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    (tmp_path / "cli.py").symlink_to(ROOT / "cli.py")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "free some space and run the same" in done.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100
    # Nothing half-written is left.
    assert [file.name for file in tmp_path.iterdir()] == ["cli.py"]


def test_a_pool_that_is_not_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for named in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("PERMAFROST_PARTS", str(named))
        with pytest.raises(
            ProjectError, match=f"PERMAFROST_PARTS is '{named}', and .*/file is not"
        ):
            Pool.default()


def test_a_class_with_dollar_signs_is_drawn_as_it_is_written() -> None:
    drawing = confusion_matrix([[1, 0], [2, 3]], ["$joy$", "$\\frac{$"])
    assert drawing.count(">$joy$<") == drawing.count(">$\\frac{$<") == 2


@pytest.mark.parametrize("name", ["=1+1", "-2", "@sum", "+x", "'=x", "joy", "it's", "''", "\t="])
def test_a_name_is_never_a_formula_and_reads_back_as_it_was(name: str) -> None:
    written = csv_table([{"actual": name, "loss": -0.5}])
    assert csv_rows(written) == [{"actual": name, "loss": "-0.5"}]
    (row,) = csv.DictReader(io.StringIO(written.decode(), newline=""))
    assert not row["actual"].startswith(("=", "+", "-", "@", "\t"))
