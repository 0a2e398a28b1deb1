"""Whether the outermost boxes of a container, each of which states its size, are all there."""

from pathlib import Path
from typing import BinaryIO

from extract.media.errors import UnreadableError

# The boxes of MP4 that hold something; what other programs append may look like a box.
MP4_BOXES = {b"ftyp", b"moov", b"moof", b"mdat"}
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def refuse_cut_off(path: Path) -> None:
    """Raise UnreadableError ``undecodable`` for MP4, Matroska and WebM that end within a box.

    Boxes without a stated size, as live streams have them, reach to the end of the file.
    """
    with path.open("rb") as file:
        num_bytes = file.seek(0, 2)
        file.seek(0)
        head = file.read(8)
        if head[:4] == EBML:
            end = _matroska_end(file)
        elif head[4:8] in MP4_BOXES:
            end = _mp4_end(file, num_bytes)
        else:
            return
    if end > num_bytes:
        detail = f"it states {end} bytes but has {num_bytes}: it was cut short"
        raise UnreadableError("undecodable", detail)


def _mp4_end(file: BinaryIO, num_bytes: int) -> int:
    """Where the last box ends, that of the samples at least."""
    end = 0
    while end < num_bytes:
        file.seek(end)
        header = file.read(16).ljust(16, b"\0")
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:], "big")
        is_known = header[4:8] in MP4_BOXES
        if size < 8 or (not is_known and end + size > num_bytes):
            return end  # it reaches to the end of the file, or is none
        end += size
    return end


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment ends, 0 where it does not say."""
    file.seek(4)
    header_bytes = _size(file)
    file.seek(header_bytes or 0, 1)
    if file.read(4) != SEGMENT:
        return 0
    size = _size(file)
    return 0 if size is None else file.tell() + size


def _size(file: BinaryIO) -> int | None:
    """A number of Matroska: leading zeros say how many bytes it has; all ones: unknown."""
    first = (file.read(1) or b"\0")[0]
    count = min(7, 8 - first.bit_length())
    value = int.from_bytes(bytes([first & (0x7F >> count)]) + file.read(count), "big")
    return None if value == 2 ** (7 * (count + 1)) - 1 else value
