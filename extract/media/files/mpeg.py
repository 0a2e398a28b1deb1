"""The header frame of an MP3 file, in which encoders state how many frames follow."""

import struct
from pathlib import Path
from typing import Any

TAG_BYTES = 10
# Tags of other programs, which in joined files are between the frames.
TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")
# The bytes between the frame's own header and what it states, by (MPEG 1, mono).
OFFSETS = {(True, False): 36, (True, True): 21, (False, False): 21, (False, True): 13}
VBRI_OFFSET = 36


def is_tag(packet: Any) -> bool:
    """Whether a packet is a tag, and not a frame."""
    return packet.size > 0 and bytes(memoryview(packet)[:11]).startswith(TAGS)


def num_stated_frames(path: Path) -> int | None:
    """How many frames the header frame states, itself excluded; None if it states nothing."""
    with path.open("rb") as file:
        head = file.read(TAG_BYTES)
        start = 0
        if head.startswith(b"ID3") and len(head) == TAG_BYTES:
            # Four bytes of seven bits each.
            start = TAG_BYTES + sum(byte << 7 * n for n, byte in enumerate(reversed(head[6:])))
        file.seek(start)
        frame = file.read(64)
    if len(frame) < 64 or frame[0] != 0xFF or frame[1] < 0xE0:
        return None
    place = OFFSETS[bool(frame[1] & 0x08), frame[3] >> 6 == 3]
    if frame[place : place + 4] in (b"Xing", b"Info"):
        flags, count = struct.unpack_from(">II", frame, place + 4)
        return count if flags & 1 else None
    if frame[VBRI_OFFSET : VBRI_OFFSET + 4] == b"VBRI":
        return int.from_bytes(frame[VBRI_OFFSET + 14 : VBRI_OFFSET + 18], "big")
    return None
