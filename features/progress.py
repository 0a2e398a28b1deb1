"""A progress bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LINE_EVERY_S = 10.0
SHOWN_FROM_S = 1.0


class Progress:
    """Shows how many of `total` items (None: unknown) are done, with a note on the latest.

    Without a terminal one line is printed every ten seconds and one at the end; nothing at all
    is printed for work of less than a second.
    """

    def __init__(self, title: str, total: int | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done, self.note = 0, ""
        self.start = self.last_line = time.monotonic()
        self.bar = None
        if sys.stderr.isatty():
            self.bar = tqdm(desc=title, total=total, unit=f" {unit}", delay=SHOWN_FROM_S)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        elif time.monotonic() - self.start >= SHOWN_FROM_S:
            self._line()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more items as done."""
        self.done += count
        self.note = note or self.note
        if self.bar is not None:
            self.bar.set_postfix_str(self.note, refresh=False)
            self.bar.update(count)
        elif self.done != self.total and time.monotonic() - self.last_line >= LINE_EVERY_S:
            self._line()

    def summary(self) -> str:
        """How many items were done, in what time, and how many per second."""
        seconds = time.monotonic() - self.start
        rate = self.done / max(seconds, 1e-9)
        return f"{self.done} {self.unit} in {seconds:.0f} s, {rate:.1f} per second"

    def _line(self) -> None:
        self.last_line = time.monotonic()
        seconds = self.last_line - self.start
        note = f", {self.note}" if self.note else ""
        of = "" if self.total is None else f"/{self.total}"
        rate = self.done / max(seconds, 1e-9)
        left = ""
        if self.total is not None and 0 < self.done < self.total:
            left = f", {(self.total - self.done) / rate:.0f} s left"
        print(
            f"{self.title}: {self.done}{of} {self.unit}, {rate:.1f} per second, "
            f"{seconds:.0f} s{left}{note}",
            file=sys.stderr,
            flush=True,
        )


def progress(items: Iterable[Item], title: str, total: int | None, unit: str) -> Iterator[Item]:
    """Yield the items while showing how many of them are done."""
    with Progress(title, total, unit) as bar:
        for item in items:
            yield item
            bar.advance()
