"""The chunks of a WAV file: how much it states, and how much there is."""

import struct
from pathlib import Path
from typing import BinaryIO

from extract.media.errors import UnreadableError

# What programs state when they write into a pipe and cannot know the length: 0, and the largest
# numbers of 32 bits, rounded down to a block or less a header.
UNKNOWN = ((0, 0), (0x7FFFF000, 0x80000000), (0xFFFFF000, 0xFFFFFFFF))
# PCM, float, A-law, mu-law, and a longer header for these.
PLAIN_CODECS = {1, 3, 6, 7, 0xFFFE}


def is_plain(path: Path) -> bool:
    """Whether a WAV file has plain samples and states their number correctly.

    Raises UnreadableError ``undecodable`` where it is shorter than it states, or where another
    file is joined to it.
    """
    with path.open("rb") as file:
        codec, block_bytes, long_bytes = 0, 1, 0
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, num_bytes = struct.unpack("<4sI", header)
            if name == b"data":
                return codec in PLAIN_CODECS and _is_whole(file, num_bytes, long_bytes, block_bytes)
            content = file.read(min(num_bytes, 64))
            if name == b"fmt " and len(content) >= 14:
                codec, block_bytes = struct.unpack_from("<H10xH", content)
            elif name == b"ds64" and len(content) >= 16:
                (long_bytes,) = struct.unpack_from("<8xQ", content)
            file.seek(num_bytes + num_bytes % 2 - len(content), 1)
    raise UnreadableError("undecodable", "it is a WAV file without samples")


def _is_whole(file: BinaryIO, num_bytes: int, long_bytes: int, block_bytes: int) -> bool:
    """Whether the samples that begin at the file's position are as many as stated."""
    start = file.tell()
    num_left = file.seek(0, 2) - start
    if num_bytes == 0xFFFFFFFF and long_bytes:
        num_bytes = long_bytes
    elif any(low <= num_bytes <= high for low, high in UNKNOWN) and num_bytes != num_left:
        return num_bytes > 0  # libsndfile takes 0 at its word, and reads to the end otherwise
    if num_left <= num_bytes - max(1, block_bytes):
        lengths = f"it states {num_bytes} bytes of samples but has {num_left}"
        raise UnreadableError("undecodable", f"{lengths}: it was cut short")
    file.seek(start + num_bytes + num_bytes % 2)
    if file.read(4) in (b"RIFF", b"RF64"):
        raise UnreadableError("undecodable", "a second WAV file is appended to it; split them")
    return True
