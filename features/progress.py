"""A progress bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LINE_EVERY_S = 10.0


def progress(items: Iterable[Item], what: str, total: int, unit: str) -> Iterator[Item]:
    """Yield the items while showing how many of `total` are done.

    Without a terminal one line is printed every ten seconds and one at the end; nothing at all
    is printed for work of less than a second.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total, unit=f" {unit}", delay=1.0)
        return
    start = shown = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - shown >= LINE_EVERY_S:
            shown = now
            _line(what, done, total, unit, now - start)
    if time.monotonic() - start >= 1.0:
        _line(what, done, total, unit, time.monotonic() - start)


def _line(what: str, done: int, total: int, unit: str, seconds: float) -> None:
    print(
        f"{what}: {done}/{total} {unit}, {done / seconds:.1f} per second, {seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )
