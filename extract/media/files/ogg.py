"""The pages of an Ogg file: whether they are all there, and of how many streams."""

import mmap
import zlib
from pathlib import Path

from extract.media.errors import UnreadableError

HEADER_BYTES = 27
FIRST, LAST = 2, 4
REVERSED_BITS = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def is_opus(path: Path) -> bool:
    """Whether the file's first stream is Opus, which FFmpeg reads."""
    with path.open("rb") as file:
        return b"OpusHead" in file.read(64)


def num_streams(path: Path) -> int:
    """How many streams the file has, one after another or side by side.

    Raises UnreadableError ``undecodable`` where a page is damaged or cut off. What follows the end
    of all streams, such as a tag, is no page.
    """
    num_begun, num_ended, position = 0, 0, 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while position < len(content):
            header = content[position : position + HEADER_BYTES]
            if header[:4] != b"OggS" and 0 < num_begun <= num_ended:
                return num_begun
            page = b"" if len(header) < HEADER_BYTES else _page(content, position, header[26])
            if not page.startswith(b"OggS") or _checksum(page) != page[22:26]:
                detail = f"its page at byte {position} of {len(content)} is damaged or cut off"
                raise UnreadableError("undecodable", detail)
            num_begun += bool(header[5] & FIRST)
            num_ended += bool(header[5] & LAST)
            position += len(page)
    return num_begun


def _page(content: mmap.mmap, position: int, num_segments: int) -> bytes:
    """A page, or nothing where the file ends before it does."""
    body = position + HEADER_BYTES + num_segments
    end = body + sum(content[position + HEADER_BYTES : body])
    return content[position:end] if end <= len(content) else b""


def _checksum(page: bytes) -> bytes:
    """The CRC of a page, computed with that of zlib, which takes the bits the other way round."""
    blank = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(blank.translate(REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(REVERSED_BITS)
