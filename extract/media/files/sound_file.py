"""Reads audio files with libsndfile, where it decodes all that is in a file, and no more."""

from functools import lru_cache
from pathlib import Path

import soundfile

from extract.media.errors import UnreadableError, refuse_long
from extract.media.files import mpeg, ogg, wav
from extract.media.files.container import Packets, opened, stream_of
from extract.media.files.mix import Mix

# Samples, of all channels, that are decoded at a time.
BLOCK_SAMPLES = 2**22


def is_readable(path: Path) -> bool:
    """Whether libsndfile reads all of the file, exact to the sample; otherwise FFmpeg reads it.

    libsndfile decodes as many samples as the header states, or guesses if it states nothing, and
    only the first of several files that were joined. It seeks to the sample, so that a
    turn of a long session costs no more than one of a short one. Raises UnreadableError
    ``undecodable`` where the file is cut short, or an Ogg page is damaged.
    """
    state = path.stat()
    return _is_readable(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _is_readable(path: Path, *_state: int) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        return wav.is_plain(path)
    if head[:4] == b"OggS":
        return ogg.num_streams(path) == 1 and not ogg.is_opus(path) and _opens(path)
    if head[:4] == b"fLaC":
        # A damaged frame is not counted; libsndfile refuses it.
        return _opens(path) and _num_flac_samples(path) >= max(1, _counted(path)[1])
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
        return _is_whole_mp3(path)
    return False


def _is_whole_mp3(path: Path) -> bool:
    num_stated = mpeg.num_stated_frames(path)
    if num_stated is None or not _opens(path):
        return False
    num_frames, _ = _counted(path)
    # Some encoders count the header frame as well.
    if num_frames < num_stated - 1:
        lengths = f"it states {num_stated} frames but has {num_frames}"
        raise UnreadableError("undecodable", f"{lengths}: it was cut short")
    return num_frames == num_stated


def _num_flac_samples(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(21)
        return int.from_bytes(file.read(5), "big") & (2**36 - 1)


def _counted(path: Path) -> tuple[int, int]:
    """The packets of a file, tags not counted, and their samples, without decoding them."""
    num_packets, num_ticks = 0, 0
    with opened(path) as container:
        stream = stream_of(container, "audio")
        for packet in Packets(container, stream):
            if packet.size and not mpeg.is_tag(packet):
                num_packets += 1
                num_ticks += packet.duration or 0
        return num_packets, round(num_ticks * stream.time_base * stream.codec_context.sample_rate)


def _opens(path: Path) -> bool:
    try:
        with path.open("rb") as file, soundfile.SoundFile(file.fileno(), closefd=False):
            return True
    except soundfile.LibsndfileError:
        return False


def read_sound_file(
    path: Path, start_s: float, end_s: float | None, mix: Mix, max_duration_s: float
) -> int:
    """Mix the samples from start to end; returns their rate."""
    with path.open("rb") as raw, soundfile.SoundFile(raw.fileno(), closefd=False) as file:
        rate_hz: int = file.samplerate
        stop = file.frames if end_s is None else min(round(end_s * rate_hz), file.frames)
        start = min(round(start_s * rate_hz), stop)
        refuse_long((stop - start) / rate_hz, max_duration_s)
        mix.refuse_large(file.channels, stop - start)
        file.seek(start)
        for first in range(start, stop, max(1, BLOCK_SAMPLES // file.channels)):
            count = min(max(1, BLOCK_SAMPLES // file.channels), stop - first)
            block = file.read(count, dtype="float32", always_2d=True)
            mix.add(first - start, block.T)
            if len(block) < count:
                detail = f"it ends after {first - start + len(block)} of {stop - start} samples"
                raise UnreadableError("undecodable", detail)
    return rate_hz
