"""Why an utterance has no track."""

import errno

# Faults of the disk or the machine, which say nothing about the file. A codec that rejects a file
# uses the system's numbers too, such as EPERM.
PASSING = {
    *(errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    *(errno.EACCES, errno.ENOENT, errno.ETIMEDOUT),
}
# What may come out of a file, however small it is: samples of all channels as float32 (1 h 33 min
# at 48 kHz), one frame (8K), and the frames that a network takes of one stretch.
MAX_AUDIO_BYTES = 2**30
MAX_FRAME_PIXELS = 2**25
MAX_CLIP_BYTES = 2**31


class UnreadableError(Exception):
    """Media that cannot be read, with one of the store's reason codes and a detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class EmptyStretchError(UnreadableError):
    """A stretch in which the file has nothing, such as one after its end."""


def fault_of(error: Exception) -> str:
    """What a decoder says about a file, without error numbers and its own name for the file."""
    return getattr(error, "strerror", None) or str(error)


def refuse_long(duration_s: float, max_duration_s: float) -> None:
    """Raise UnreadableError ``too-long`` for a stretch beyond the limit."""
    if duration_s > max_duration_s:
        detail = f"it lasts {duration_s:.1f} s or more; extract.max_duration_s is {max_duration_s}"
        raise UnreadableError("too-long", detail)


def refuse_large(size: int, limit: int, what: str) -> None:
    """Raise UnreadableError ``too-large`` for more bytes or pixels than are decoded."""
    if size > limit:
        raise UnreadableError("too-large", f"it has {size:,} {what}; at most {limit:,} are decoded")


def is_passing(error: BaseException) -> bool:
    """Whether an error while a file was read is the machine's fault and not the file's."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, OSError) and error.errno in PASSING
