"""Runs decoders in a child process, so that a crash or a hang in a codec cannot end ours."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from extract.media.errors import UnreadableError
from extract.media.shared_file import SharedFile
from features.errors import ProjectError

Result = TypeVar("Result")
TIMEOUT_S = 300.0
# Starting a process looks at all others, and of two looks at a dead one only one sees its code.
ENDING = threading.RLock()
# What the children need, read once by the process that they are forked from.
PRELOADED = ("extract.fill.prepare", "extract.backbones._speech.waveform")
# Ends that are the codec's own doing; any other end says nothing about the file.
CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}


class Child:
    """A child process that runs one function call at a time and is replaced when it dies.

    It is forked from a server process that has read the libraries already, so that many children
    share them and a new one starts at once. `held` is sent to each process once. Arrays come back
    through memory that both map, and not through the pipe.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S, held: Any = None) -> None:
        self.timeout_s = timeout_s
        self.held = held
        self._process: Any = None
        self._pipe: Any = None
        self._shared: Any = None

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call_held(self, function: Callable[..., Result], *args: Any) -> Result:
        """`function(held, *args)` in the child; see `call`."""
        result: Result = self.call(_with_held, args[0], function, *args[1:])
        return result

    def call(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """`function(*args, **kwargs)` in the child; a module-level function.

        Raises:
            UnreadableError: what the function raised, or ``undecodable`` when the codec crashed.
            ProjectError: when the call took longer than the limit or the system killed the
                child, as it does when memory runs out; neither says anything about the file.
        """
        what = args[0] if args else function
        try:
            if self._process is None:
                self._start()
            self._pipe.send((function, args, kwargs))
            if not self._pipe.poll(self.timeout_s):
                self.close()
                raise ProjectError(
                    f"reading {what} took longer than {self.timeout_s:.0f} s; finished parts are "
                    "kept. Look at the file, then run the same command again."
                )
            packed, sizes = self._pipe.recv()
        except (EOFError, OSError):
            if self._process is None:  # it could not be started
                raise
            self._died(what)
        kind, value = pickle.loads(packed, buffers=self._shared.read(sizes))
        if kind == "unreadable":
            raise UnreadableError(*value)
        if kind == "memory":
            raise ProjectError(
                f"there was not enough memory to read {what}; finished parts are kept. Run the "
                "same command again on a machine with more, or lower extract.max_media_bytes."
            )
        if kind == "passing":
            raise ProjectError(
                f"{what} could not be read now ({value}); finished parts are kept. Run the same "
                "command again."
            )
        if kind == "fault":
            raise RuntimeError(f"reading {what} failed in the child process:\n{value}")
        result: Result = value
        return result

    def _start(self) -> None:
        warm_up()
        context = multiprocessing.get_context("forkserver")
        self._shared = SharedFile()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._shared), daemon=True)
        with ENDING:
            self._process.start()
        theirs.close()
        if self.held is not None:
            self._pipe.send((_hold, (self.held,), {}))
            self._pipe.recv()

    def interrupt(self) -> None:
        """End the call that another thread waits for; there it fails as if killed from outside."""
        process = self._process
        with suppress(ValueError, AttributeError):  # closed or gone in the meantime
            process.kill()

    def close(self) -> None:
        """End the process; the next call starts another."""
        with ENDING:
            if self._process is not None:
                self._process.kill()
                self._process.join()
                self._process.close()
                self._pipe.close()
                self._shared.close()
            self._process = None

    def _died(self, what: object) -> NoReturn:
        with ENDING:
            self._process.join()
            code = self._process.exitcode
            self.close()
        if code is not None and -code in CRASHES:
            raise UnreadableError("undecodable", f"the decoder crashed on it (signal {-code})")
        raise ProjectError(
            f"the process that read {what} was ended from outside (exit code {code}), perhaps for "
            "lack of memory; finished parts are kept. Run the same command again."
        )


def warm_up(*modules: str) -> None:
    """Begin to start the process that children are forked from, with what they will need.

    Only the first call in a process has an effect; none waits for it.
    """
    wanted = [*PRELOADED, *modules]
    multiprocessing.get_context("forkserver").set_forkserver_preload(wanted)
    forkserver.ensure_running()


# What the process was sent at its start; only ever set in a child.
HELD: list[Any] = []


def _hold(held: Any) -> None:
    HELD.append(held)


def _with_held(first: Any, function: Callable[..., Result], *rest: Any) -> Result:
    return function(HELD[0], first, *rest)


def _serve(pipe: Connection, shared: SharedFile) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            function, args, kwargs = pipe.recv()
        except EOFError:
            return
        try:
            answer = ("ok", function(*args, **kwargs))
            blocks: list[pickle.PickleBuffer] = []
            packed = pickle.dumps(answer, protocol=5, buffer_callback=blocks.append)
            pipe.send((packed, shared.write(blocks)))
        except UnreadableError as error:
            _send_fault(pipe, "unreadable", (error.reason, error.detail))
        except MemoryError:
            _send_fault(pipe, "memory", None)
        except OSError as error:
            _send_fault(pipe, "passing", str(error))
        except Exception:
            _send_fault(pipe, "fault", traceback.format_exc())


def _send_fault(pipe: Connection, kind: str, value: Any) -> None:
    pipe.send((pickle.dumps((kind, value)), []))
