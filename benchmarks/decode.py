"""How fast the frames that a network needs are decoded, against three other ways.

- ours: one pass through the stretch, and only sampled frames are converted;
- full: one pass, and every frame is converted before the sampled ones are picked;
- seek: for each sampled frame a seek to its time and a decode from the keyframe before it;
- thrice: three networks that each decode the video for themselves, against our one pass for all.

In turns on the same videos: of MELD's kind (4 s, 640 x 360, H.264, a keyframe every 250 and every
12 frames), a stretch of 4 s in a video of a minute, and a clip of the GRID corpus (MPEG-1) where it
is available. The frames of all ways are compared before anything is timed (not those of seeks in
MPEG-1, which has no index: its seeks are inexact).

    python benchmarks/decode.py [--json PATH]
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extract.media.frames import Stretch
from extract.media.video import Picture, sampled_pictures

ROOT = Path(__file__).resolve().parents[1]
FRAMES_HZ = 25
OTHER_RATES_HZ = (15.0, 1.0)


@dataclass(frozen=True)
class Case:
    """A video and what is to be decoded of it."""

    path: Path
    stretch: Stretch
    rate_hz: float = 4.0

    def times_s(self) -> list[float]:
        """The times of the sampled frames."""
        assert self.stretch.end_s is not None
        count = round((self.stretch.end_s - self.stretch.start_s) * self.rate_hz)
        return [self.stretch.start_s + (k + 0.5) / self.rate_hz for k in range(count)]


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--rounds", default=9, show_default=True)
def main(json_path: Path | None, rounds: int) -> None:
    """Print medians of ratios within a round; the first round is dropped."""
    figures: dict[str, dict[str, float]] = {}
    click.echo(f"{'video':<34}{'ours ms':>9}{'full/ours':>11}{'seek/ours':>11}{'thrice/once':>13}")
    with tempfile.TemporaryDirectory() as folder:
        for name, case in cases(Path(folder)).items():
            ratios = figures[name] = measure(case, rounds)
            click.echo(
                f"{name:<34}{ratios['ours_ms']:>9.1f}{ratios['full']:>11.2f}{ratios['seek']:>11.2f}"
                f"{ratios['thrice']:>13.2f}"
            )
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def cases(folder: Path) -> dict[str, Case]:
    """The videos by name."""
    made = {
        "4 s, keyframe every 250": Case(write(folder / "a.mp4", 4, 250), Stretch(0.0, 4.0)),
        "4 s, keyframe every 12": Case(write(folder / "b.mp4", 4, 12), Stretch(0.0, 4.0)),
        "40 to 44 s of 60, every 250": Case(write(folder / "c.mp4", 60, 250), Stretch(40.0, 44.0)),
    }
    data = Path(os.environ.get("PERMAFROST_DATA") or ROOT.parent / "shared" / "data")
    clip = data / "grid" / "bbaf2n.mpg"
    if clip.is_file():
        made["GRID, 3 s of MPEG-1"] = Case(clip, Stretch(0.0, 3.0))
    return made


def write(path: Path, seconds: int, keyframe_every: int) -> Path:
    """Blobs that move over noise, 640 x 360 pixels."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 60, (360, 640, 3), dtype=np.uint8)
    blobs = random.integers(0, 195, (8, 12, 3), dtype=np.uint8).repeat(45, 0).repeat(54, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_HZ)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"g": str(keyframe_every)}
        for number in range(seconds * FRAMES_HZ):
            pixels = np.roll(blobs[:, :640], 3 * number, axis=1) + noise
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def measure(case: Case, rounds: int) -> dict[str, float]:
    """Compare the frames of all ways, then time the ways in turns."""
    once = [case.rate_hz, *OTHER_RATES_HZ]
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: ours(case, [case.rate_hz]),
        "full": lambda: full(case),
        "seek": lambda: seek(case),
        "once": lambda: ours(case, once),
        "thrice": lambda: [ours(case, [rate_hz]) for rate_hz in once],
    }
    expected = ways["ours"]()
    for name in ("full", "seek"):
        frames = ways[name]()
        assert len(frames) == len(expected), name
        if name == "seek" and case.path.suffix == ".mpg":
            continue
        assert all(np.array_equal(a, b) for a, b in zip(frames, expected, strict=True)), name
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in sorted(ways, reverse=bool(number % 2)):
            begin = time.perf_counter()
            ways[name]()
            if number:
                seconds[name].append(time.perf_counter() - begin)
    taken = {name: np.array(values) for name, values in seconds.items()}
    return {
        "ours_ms": 1000 * float(np.median(taken["ours"])),
        "full": float(np.median(taken["full"] / taken["ours"])),
        "seek": float(np.median(taken["seek"] / taken["ours"])),
        "thrice": float(np.median(taken["thrice"] / taken["once"])),
    }


def ours(case: Case, rates_hz: list[float]) -> list[Picture]:
    """The frames of the first rate."""
    sampled = sampled_pictures(case.path, rates_hz, case.stretch)
    return [picture for picture, counts in sampled for _ in range(counts[0])]


def full(case: Case) -> list[Picture]:
    """Convert everything from the start to the end of the stretch, then pick."""
    with av.open(str(case.path)) as container:
        stream = container.streams.video[0]
        origin_s = began_s(stream)
        if case.stretch.start_s > 0:
            container.seek(round((origin_s + case.stretch.start_s) * av.time_base))
        frames: list[tuple[float, Any]] = []
        for frame in container.decode(stream):
            at_s = float(frame.time or 0.0) - origin_s
            if at_s >= (case.stretch.end_s or 0.0):
                break
            frames.append((at_s, frame.to_ndarray(format="rgb24")))
    starts = np.array([at_s for at_s, _ in frames])
    return [frames[int(np.searchsorted(starts, t + 5e-4)) - 1][1] for t in case.times_s()]


def seek(case: Case) -> list[Picture]:
    """Seek to every sampled frame."""
    pictures: list[Any] = []
    with av.open(str(case.path)) as container:
        stream = container.streams.video[0]
        origin_s = began_s(stream)
        for time_s in case.times_s():
            # A second early: in a file without an index a seek lands on a keyframe after the time.
            container.seek(max(0, round((origin_s + time_s - 1.0) * av.time_base)))
            last = None
            for frame in container.decode(stream):
                if last is not None and float(frame.time or 0.0) - origin_s > time_s + 5e-4:
                    break
                last = frame
            assert last is not None
            pictures.append(last.to_ndarray(format="rgb24"))
    return pictures


def began_s(stream: Any) -> float:
    """The time of the first frame, from which all others are counted."""
    return float((stream.start_time or 0) * stream.time_base)


if __name__ == "__main__":
    main()
