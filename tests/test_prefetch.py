"""Preparing ahead: order, bounds, errors."""

import threading
import time

import pytest

from extract.fill.prefetch import Prefetch


def test_results_come_in_the_order_of_the_items_whoever_made_them() -> None:
    def slow_if_even(item: int) -> int:
        time.sleep(0.002 * (item % 2 == 0))
        return 10 * item

    with Prefetch(range(40), [slow_if_even] * 4, lambda _: 1, 100) as ahead:
        assert list(ahead) == [10 * item for item in range(40)]


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("limit", [0, 1, 5])
def test_no_more_than_the_limit_and_one_per_thread_is_held(limit: int, num_threads: int) -> None:
    made, read, most = 0, 0, 0
    turn = threading.Lock()

    def make(item: int) -> int:
        nonlocal made, most
        with turn:
            made += 1
            most = max(most, made - read)
        return item

    with Prefetch(range(60), [make] * num_threads, lambda _: 1, limit) as ahead:
        for number, _ in enumerate(ahead):
            time.sleep(0.001)
            with turn:
                read = number + 1
    # One more is in the reader's own hands.
    assert made == 60 and most <= limit + num_threads + 1


def test_work_goes_on_while_the_reader_is_busy() -> None:
    begun = []
    with Prefetch(range(5), [begun.append], lambda _: 1, 100) as ahead:
        next(iter(ahead))
        deadline = time.monotonic() + 5
        while len(begun) < 5 and time.monotonic() < deadline:
            time.sleep(0.001)
    assert begun == [0, 1, 2, 3, 4]


def test_an_error_is_raised_where_its_result_would_be() -> None:
    def fails_at_three(item: int) -> int:
        return 1 // (3 - item)

    seen = []
    with (
        pytest.raises(ZeroDivisionError),
        Prefetch(range(9), [fails_at_three], lambda _: 1, 100) as ahead,
    ):
        for result in ahead:
            seen.append(result)
    assert len(seen) == 3


def test_an_error_of_the_reader_interrupts_calls_that_hang() -> None:
    ended = threading.Event()

    def hangs(item: int) -> int:
        ended.wait(60)
        return item

    began = time.monotonic()
    with (
        pytest.raises(KeyboardInterrupt),
        Prefetch(range(3), [hangs], lambda _: 1, 9, interrupt=ended.set),
    ):
        raise KeyboardInterrupt
    assert time.monotonic() - began < 5


def test_an_error_in_measuring_a_result_is_raised_too() -> None:
    with (
        pytest.raises(TypeError),
        Prefetch(range(3), [lambda item: item], len, 9) as ahead,  # type: ignore[arg-type]
    ):
        next(iter(ahead))


def test_leaving_early_ends_the_threads() -> None:
    with Prefetch(range(10_000), [lambda item: item] * 3, lambda _: 1, 4) as ahead:
        assert next(iter(ahead)) == 0
    assert not any(thread.is_alive() for thread in ahead.threads)
