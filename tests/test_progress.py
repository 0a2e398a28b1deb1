"""Progress on a terminal and without one."""

import pytest

from features import progress as module
from features.progress import Progress, progress


def test_short_work_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), "work", 3, "steps")) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_long_work_prints_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(module, "SHOWN_FROM_S", 0.0)
    with Progress("work", 2, "steps") as bar:
        bar.advance(note="first")
        bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("work: 1/2 steps, ") and lines[0].endswith(", first")
    assert lines[1].startswith("work: 2/2 steps, ")


def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHOWN_FROM_S", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    list(progress(range(3), "work", 3, "steps"))
    assert "3/3" in capsys.readouterr().err
