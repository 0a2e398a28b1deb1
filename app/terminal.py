"""Terminal output: ids and texts of a corpus cannot move the cursor or change colours."""

import errno
import re
import sys
from typing import Any, TextIO

# Control characters except tabs, line ends and the carriage returns of progress bars, and the
# marks that reverse the direction of writing.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# Errors of the file system that the user can fix and the code cannot.
MENDABLE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EROFS: "write to another file system",
    errno.EACCES: "change its permissions",
    errno.EPERM: "change its permissions",
    errno.EIO: "check the disk",
    errno.ESTALE: "check the network disk",
    errno.ENOTDIR: "remove the file that is in the place of a folder",
    errno.EISDIR: "remove the folder that is in the place of a file",
    errno.ELOOP: "remove the link that leads to itself",
    errno.ENAMETOOLONG: "use shorter names",
    errno.EMFILE: "raise the limit of open files ('ulimit -n')",
    errno.ENFILE: "close other programs",
}


class Escaped:
    """A text stream in which control characters are written as ``\\x1b``."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text with its control characters escaped; returns the text's length."""
        self.stream.write(escaped(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def escaped(text: str) -> str:
    """A text with its control characters written out, such as ``\\x1b``."""
    return UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def escape_output() -> None:
    """Escape the control characters in everything that this process prints."""
    sys.stdout, sys.stderr = Escaped(sys.stdout), Escaped(sys.stderr)  # type: ignore[assignment]


def remedy(error: OSError) -> str | None:
    """What to do about an error of the file system, in one line; None where it is our fault."""
    if error.errno not in MENDABLE:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}{error.strerror}; {MENDABLE[error.errno]} and run the same command again. "
        "Finished work is kept."
    )
