"""What becomes of damaged media: cut short, and with one bit flipped, in six formats.

A clip of three seconds is written in each format and damaged at random places: `--each` times cut
short and as often with one bit flipped. Of every damaged file the audio and, where it has some, the
video is read in a decoding process; and all of them, each beside a healthy one, are extracted into
one store. A result is

- right: what the healthy file gives;
- named: a reason of the store, such as ``undecodable``;
- changed: other values, after a flipped bit in a format without checksums, which cannot tell;
- wrong: anything else, such as too few values, or a failure that names no reason.

    python benchmarks/checks/damaged_media.py [--each 25] [--seed 0] [--json PATH]

Prints a table and the largest memory of the reading process; exits 1 where something is wrong or a
neighbour is missing.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import soundfile
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from extract.fill.fill import extract_tracks
from extract.media.audio import read_audio
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.frames import Stretch
from extract.media.serve import MAX_BYTES
from extract.media.video import sampled_pictures
from features.errors import ProjectError
from features.files import digest_file
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store

RATE_HZ, SECONDS, FRAMES_HZ = 16_000, 3, 25
SOUND_FILES = {"wav": "WAV", "flac": "FLAC", "mp3": "MP3", "ogg": "OGG"}
CONTAINERS = {"mp4": ("libx264", "aac"), "webm": ("libvpx", "libopus")}
FORMATS = (*SOUND_FILES, *CONTAINERS)
DAMAGES = ("cut", "flipped")
OUTCOMES = ("right", "named", "changed", "wrong")
WITH_CHECKSUMS = {"flac", "ogg"}
MEL = BackboneSpec("log-mel", "audio", LeafSpec("log-mel", {"num_bands": 8}))


@dataclass(frozen=True)
class Damaged:
    """A damaged file, the healthy one that it was, and what was done to it."""

    path: Path
    healthy: Path
    damage: str


def write_healthy(folder: Path, suffix: str, random: np.random.Generator) -> Path:
    """Three seconds of noise and tones, with a moving picture where the format has video."""
    path = folder / f"healthy.{suffix}"
    times_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    samples = 0.3 * np.sin(2 * np.pi * 440 * times_s) + random.normal(0, 0.05, len(times_s))
    if suffix in SOUND_FILES:
        soundfile.write(path, samples.astype(np.float32), RATE_HZ, format=SOUND_FILES[suffix])
        return path
    video_codec, audio_codec = CONTAINERS[suffix]
    options = {"movflags": "+faststart"} if suffix == "mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        video: Any = container.add_stream(video_codec, rate=FRAMES_HZ, options={"g": "12"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio: Any = container.add_stream(audio_codec, rate=RATE_HZ, layout="mono")
        noise = random.integers(0, 255, (64, 96 * 4, 3), dtype=np.uint8)
        for number in range(SECONDS * FRAMES_HZ):
            pixels = np.ascontiguousarray(noise[:, 2 * number : 2 * number + 96])
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        size = audio.frame_size
        for start in range(0, len(samples), size):
            block = samples[None, start : start + size].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            container.mux(audio.encode(frame))
        container.mux([*video.encode(None), *audio.encode(None)])
    return path


def damaged_files(folder: Path, each: int, seed: int) -> list[Damaged]:
    """`each` files of every format and damage, at places drawn from a seed."""
    random = np.random.default_rng(seed)
    files = []
    for suffix in FORMATS:
        healthy = write_healthy(folder, suffix, random)
        content = healthy.read_bytes()
        for damage in DAMAGES:
            for number in range(each):
                path = folder / f"{damage}-{number}.{suffix}"
                place = int(random.integers(1, len(content)))
                damaged = bytearray(content if damage == "flipped" else content[:place])
                if damage == "flipped":
                    damaged[place] ^= 1 << int(random.integers(8))
                path.write_bytes(damaged)
                files.append(Damaged(path, healthy, damage))
    return files


def decoded_audio(path: Path) -> list[np.ndarray[Any, Any]]:
    """The samples of a file."""
    return [read_audio(path, max_duration_s=600.0)[0]]


def decoded_video(path: Path) -> list[np.ndarray[Any, Any]]:
    """The frames of a file at its own rate."""
    stretch = Stretch(max_duration_s=600.0)
    frames = sampled_pictures(path, [float(FRAMES_HZ)], stretch)
    return [picture for picture, (count,) in frames for _ in range(count)]


def outcome(child: Child, decode: Any, file: Damaged) -> str:
    """What a damaged file becomes; ``named`` with its reason."""
    expected = child.call(decode, file.healthy)
    try:
        values = child.call(decode, file.path)
    except UnreadableError as error:
        return f"named {error.reason}"
    except ProjectError:
        return "wrong"
    same = len(values) == len(expected) and all(map(np.array_equal, values, expected))
    is_known = file.damage == "cut" or file.path.suffix[1:] in WITH_CHECKSUMS
    return "right" if same else "wrong" if is_known else "changed"


def peak_bytes(_: object = None) -> int:
    """The most memory that this process has had in use."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return 1024 * int(line.split()[1])
    return 0


def outcomes(files: Sequence[Damaged]) -> tuple[dict[str, Counter[str]], int]:
    """How often each outcome occurs, by format, stream and damage; the memory of the reader."""
    counts: dict[str, Counter[str]] = {}
    with Child() as child:
        for file in files:
            suffix = file.path.suffix[1:]
            streams = {"audio": decoded_audio}
            if suffix in CONTAINERS:
                streams["video"] = decoded_video  # type: ignore[assignment]
            for stream, decode in streams.items():
                name = f"{suffix}, {stream}, {file.damage}"
                counts.setdefault(name, Counter())[outcome(child, decode, file)] += 1
        return counts, child.call(peak_bytes, None)


def missing_neighbours(folder: Path, files: Sequence[Damaged]) -> list[str]:
    """The healthy neighbours of damaged files that are not extracted, or not as they should be."""
    manifest = []
    for file in files:
        for path, name in ((file.path, file.path.name), (file.healthy, f"beside-{file.path.name}")):
            digest = digest_file(path)
            manifest.append(Utterance(name, audio=path.name, audio_digest=digest))
    store_path = folder / "store" / "log-mel.zarr"
    extract_tracks(
        store_path,
        manifest,
        CorpusSpec("damaged", folder, LeafSpec("table", {})),
        MEL,
        ExtractSpec(max_failed=len(files)),
        torch.device("cpu"),
        Pool(folder / "store" / "pool"),
    )
    store = Store(store_path)
    tracks: dict[Path, Any] = {}
    missing = []
    for number, file in enumerate(files):
        row = 2 * number + 1
        track = store.track(row) if store.reasons[row] == "ok" else None
        first = tracks.setdefault(file.healthy, track)
        if track is None or first is None or not np.array_equal(track, first):
            missing.append(manifest[row].id)
    return missing


@click.command()
@click.option("--each", default=25, show_default=True, help="Files of each format and damage.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(each: int, seed: int, json_path: Path | None) -> None:
    """Print what damaged files become."""
    with tempfile.TemporaryDirectory() as name:
        files = damaged_files(Path(name), each, seed)
        counts, memory_bytes = outcomes(files)
        missing = missing_neighbours(Path(name), files)
    click.echo(f"{'format, stream, damage':<28}" + "".join(f"{name:>9}" for name in OUTCOMES))
    for case, tally in counts.items():
        by_kind = Counter[str]()
        for text, count in tally.items():
            by_kind[text.split()[0]] += count
        click.echo(f"{case:<28}" + "".join(f"{by_kind[name]:>9}" for name in OUTCOMES))
    num_wrong = sum(tally["wrong"] for tally in counts.values())
    click.echo(f"{len(files)} damaged files, {num_wrong} readings wrong")
    click.echo(f"{len(missing)} healthy neighbours missing {', '.join(missing[:5])}")
    click.echo(
        f"memory of the reading process: at most {memory_bytes >> 20} MiB of {MAX_BYTES >> 20}"
    )
    if json_path:
        figures = {
            "outcomes": {case: dict(tally) for case, tally in counts.items()},
            "missing_neighbours": missing,
            "memory_mib": memory_bytes >> 20,
        }
        json_path.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(1 if num_wrong or missing else 0)


if __name__ == "__main__":
    main()
