"""Runs decoders in a child process, so that a crash or a hang in a codec does not end ours."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from typing import Any, TypeVar

from extract.media.errors import UnreadableError
from extract.media.files.source import Source
from extract.media.serve import MAX_BYTES, keep_prepares, serve, with_prepares
from extract.media.shared_file import SharedFile
from features.errors import ProjectError
from features.source import ROOT

Result = TypeVar("Result")
TIMEOUT_S = 300.0
# Starting a process polls all others, and only the first poll of a dead one sees its exit code.
PROCESS_LOCK = threading.RLock()
# What the children need, imported once by the process that they are forked from.
PRELOADED = ("extract.fill.prepare", "extract.backbones._speech.waveform")
# Signals of a crash in a codec; any other end of a process says nothing about the file.
CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}


class CrashError(Exception):
    """The child ended by a signal of a crash."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class Child:
    """A child process that runs one function call at a time and is replaced when it dies.

    It is forked from a server process that has imported the libraries already, so that many
    children share them and a new one starts at once. `prepares` are sent to each process once.
    Arrays come back through memory that both map, and not through the pipe.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S, prepares: Any = None) -> None:
        self.timeout_s = timeout_s
        self.prepares = prepares
        self._process: Any = None
        self._pipe: Any = None
        self._shared: Any = None

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call_prepares(self, function: Callable[..., Result], source: Source, *args: Any) -> Result:
        """`function(prepares, path, *args)` in the child for a file that is checked; see `call`."""
        result: Result = self.call(with_prepares, source, function, *args)
        return result

    def call(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """`function(*args, **kwargs)` in the child; a module-level function.

        A call in which the child crashes is made once more, in a new child: a signal from outside
        says nothing about the file.

        Raises:
            UnreadableError: as the function raised it, or ``undecodable`` when the codec crashed
                twice.
            ProjectError: as the function raised it; or when the call took longer than the limit,
                needed more memory than there is, or the system killed the child, none of which
                says anything about the file.
        """
        subject = args[0] if args else function
        try:
            packed, sizes = self._sent(subject, function, args, kwargs)
        except CrashError:
            try:
                packed, sizes = self._sent(subject, function, args, kwargs)
            except CrashError as crash:
                detail = f"the decoder crashed on it twice (signal {crash.signal_number})"
                raise UnreadableError("undecodable", detail) from None
        result: Result = _unpacked(pickle.loads(packed, buffers=self._shared.read(sizes)), subject)
        return result

    def _sent(self, subject: object, *call: Any) -> tuple[Any, Any]:
        """The packed answer to a call; CrashError where the child crashes."""
        try:
            if self._process is None:
                self._start()
            self._pipe.send(call)
            if not self._pipe.poll(self.timeout_s):
                self.close()
                raise ProjectError(
                    f"reading {subject} took longer than {self.timeout_s:.0f} s; finished parts "
                    "are kept. Check the file, then run the same command again."
                )
            packed, sizes = self._pipe.recv()
        except (EOFError, OSError):
            if self._process is None:  # it could not be started
                raise
            raise self._death(subject) from None
        return packed, sizes

    def _start(self) -> None:
        warm_up()
        context = multiprocessing.get_context("forkserver")
        self._shared = SharedFile()
        self._pipe, child_end = context.Pipe()
        self._process = context.Process(target=serve, args=(child_end, self._shared), daemon=True)
        with PROCESS_LOCK, _without_main():
            self._process.start()
        child_end.close()
        if self.prepares is not None:
            self._pipe.send((keep_prepares, (self.prepares,), {}))
            self._pipe.recv()

    def interrupt(self) -> None:
        """End another thread's call, which then fails as if the child had been killed."""
        process = self._process
        with suppress(ValueError, AttributeError):  # closed or gone in the meantime
            process.kill()

    def close(self) -> None:
        """End the process; the next call starts another."""
        with PROCESS_LOCK:
            if self._process is not None:
                self._process.kill()
                self._process.join()
                self._process.close()
                self._pipe.close()
                self._shared.close()
            self._process = None

    def _death(self, subject: object) -> Exception:
        """What the end of the process means; closes it."""
        with PROCESS_LOCK:
            self._process.join()
            code = self._process.exitcode
            self.close()
        if code is not None and -code in CRASHES:
            return CrashError(-code)
        return ProjectError(
            f"the process that read {subject} ended unexpectedly (exit code {code}), perhaps for "
            "lack of memory; finished parts are kept. Run the same command again."
        )


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep children from importing the main module, which may be a script that would run again.

    Multiprocessing would import it by its file and name. Call this with PROCESS_LOCK held.
    """
    main = sys.modules["__main__"]
    hidden: dict[str, Any] = {
        name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)
    }
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(hidden)


def _unpacked(message: tuple[str, Any], subject: object) -> Any:
    """The result of a call, or the error that the child sent instead."""
    kind, value = message
    if kind == "unreadable":
        raise UnreadableError(*value)
    if kind == "refused":
        raise ProjectError(value)
    if kind == "memory":
        raise ProjectError(
            f"reading {subject} takes more memory than this machine has, or than a decoding "
            f"process may use ({MAX_BYTES >> 30} GiB); finished parts are kept. Run the same "
            "command again on a machine with more, or name the clip under known_bad."
        )
    if kind == "passing":
        raise ProjectError(
            f"{subject} could not be read this time ({value}); finished parts are kept. Run the "
            "same command again."
        )
    if kind == "fault":
        raise RuntimeError(f"reading {subject} failed in the child process:\n{value}")
    return value


def warm_up(*modules: str) -> None:
    """Start the process that children are forked from, with the modules that they will need.

    Only the first call in a process has an effect; no call waits for the start.
    """
    preloaded = [*PRELOADED, *modules]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preloaded)
    with PROCESS_LOCK, _own_code_first():
        forkserver.ensure_running()


@contextmanager
def _own_code_first() -> Iterator[None]:
    """A Python that is started meanwhile imports from here, and nothing from the current folder.

    Elsewhere that folder may have a `features` or a `train` of its own.
    """
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}
    paths = [str(ROOT), *filter(None, [before["PYTHONPATH"]])]
    os.environ |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
