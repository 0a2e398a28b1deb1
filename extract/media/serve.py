"""The side of the child process: it answers calls, within a limit on its memory."""

import errno
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from extract.media.errors import UnreadableError
from extract.media.files.source import Source
from extract.media.shared_file import SharedFile
from features.errors import ProjectError
from features.untrusted.memory import limit_memory

Result = TypeVar("Result")
# Private memory of the process, that of the libraries (1 GB, most of it only reserved) included.
# The largest clip that is allowed takes less; what needs more is made to need it.
MAX_BYTES = 6 * 2**30
# The `prepares` that the process was sent at its start; only ever set in a child.
PREPARES: list[Any] = []


def keep_prepares(prepares: Any) -> None:
    """Keep what `with_prepares` passes to its functions."""
    PREPARES.append(prepares)


def with_prepares(source: Source, function: Callable[..., Result], *args: Any) -> Result:
    """`function(prepares, path, *args)` for a file, which is checked first."""
    return function(PREPARES[0], source.checked(), *args)


def serve(pipe: Connection, shared: SharedFile) -> None:
    """Answer calls until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory(MAX_BYTES)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            function, args, kwargs = pipe.recv()
        except EOFError:
            return
        try:
            result = ("ok", function(*args, **kwargs))
            blocks: list[pickle.PickleBuffer] = []
            packed = pickle.dumps(result, protocol=5, buffer_callback=blocks.append)
            pipe.send((packed, shared.write(blocks)))
        except Exception as error:
            _send_fault(pipe, *_fault(error))


def _fault(error: Exception) -> tuple[str, Any]:
    """The kind of an error, and what the parent needs to raise its own."""
    if isinstance(error, UnreadableError):
        return "unreadable", (error.reason, error.detail)
    if isinstance(error, ProjectError):
        return "refused", str(error)
    # PyTorch raises a RuntimeError for a lack of memory.
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "memory", None
    if isinstance(error, OSError):
        return ("memory", None) if error.errno == errno.ENOMEM else ("passing", str(error))
    return "fault", traceback.format_exc()


def _send_fault(pipe: Connection, kind: str, value: Any) -> None:
    pipe.send((pickle.dumps((kind, value)), []))
