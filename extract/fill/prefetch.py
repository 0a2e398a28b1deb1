"""Prepares what comes next while the network works: results in order, memory bounded."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Prefetch(Generic[Item, Result]):
    """Calls one function per thread on the items, ahead of the reader.

    Iterating gives the results in the order of the items; an error of a call is raised there.
    No item is begun while results of `limit_bytes` wait to be read, so at most that much and
    one result per thread is in memory. Exit on an error calls `interrupt` until every thread's
    call has ended.
    """

    def __init__(
        self,
        items: Sequence[Item],
        functions: Sequence[Callable[[Item], Result]],
        size_bytes: Callable[[Result], int],
        limit_bytes: int,
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        self.items = items
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes
        self.interrupt = interrupt
        self.begun, self.read, self.waiting_bytes = 0, 0, 0
        self.results: dict[int, Result] = {}
        self.errors: dict[int, BaseException] = {}
        self.turn = threading.Condition()
        self.threads = [
            threading.Thread(target=self._work, args=(function,), daemon=True)
            for function in functions
        ]

    def __enter__(self) -> "Prefetch[Item, Result]":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self.turn:
            self.begun = len(self.items)
            self.turn.notify_all()
        for thread in self.threads:
            while thread.is_alive():
                if kind is not None:
                    self.interrupt()
                thread.join(timeout=0.1)

    def __iter__(self) -> Iterator[Result]:
        for number in range(len(self.items)):
            with self.turn:
                self.read = number
                self.turn.notify_all()
                self.turn.wait_for(lambda n=number: n in self.results or n in self.errors)  # type: ignore[misc]
                if number in self.errors:
                    raise self.errors[number]
                result = self.results.pop(number)
                self.waiting_bytes -= self.size_bytes(result)
                self.turn.notify_all()
            yield result

    def _work(self, function: Callable[[Item], Result]) -> None:
        while (number := self._next()) is not None:
            try:
                result = function(self.items[number])
                num_bytes = self.size_bytes(result)
            except BaseException as error:
                with self.turn:
                    self.errors[number] = error
                    self.turn.notify_all()
                return
            with self.turn:
                self.results[number] = result
                self.waiting_bytes += num_bytes
                self.turn.notify_all()

    def _next(self) -> int | None:
        """The number of the next item, as soon as there is room for it or the reader waits."""
        with self.turn:
            self.turn.wait_for(
                lambda: (
                    self.begun == len(self.items)
                    or self.waiting_bytes < self.limit_bytes
                    or self.begun == self.read
                )
            )
            if self.begun == len(self.items):
                return None
            self.begun += 1
            return self.begun - 1
