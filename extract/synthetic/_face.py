"""The faces of the demo corpus: drawn from ellipses, frame by frame."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from extract.media.clip import Frames
from extract.synthetic._script import Random, Speaker

HEIGHT_PX = 72
WIDTH_PX = 96
RATE_HZ = 12


@dataclass(frozen=True)
class Look:
    """What a face does: how far eyes and mouth open, mouth corners up (+), brows up (+)."""

    eyes: float
    mouth: float
    corners: float
    brows: float


LOOKS = {
    "calm": Look(eyes=0.5, mouth=0.10, corners=0.6, brows=0.0),
    "open": Look(eyes=1.0, mouth=0.90, corners=0.0, brows=0.9),
    "tense": Look(eyes=0.3, mouth=0.15, corners=-0.9, brows=-0.9),
}


def draw(speaker: Speaker, look_name: str, duration_s: float, random: Random) -> Frames:
    """Frames `(T, 72, 96, 3)` at 12 Hz of the speaker's face, slightly moving."""
    look = LOOKS[look_name]
    num_frames = max(1, round(duration_s * RATE_HZ))
    centre = random.uniform((45, 34), (51, 38))
    sway = random.uniform(0.4, 1.5) * np.sin(
        np.arange(num_frames) / RATE_HZ * random.uniform(2, 5) + random.uniform(0, 6)
    )
    background = random.integers(20, 120, 3)
    strength = random.uniform(0.8, 1.1)
    frames = [
        _frame(centre + (shift, shift / 3), speaker.skin, look, strength, background)
        for shift in sway
    ]
    noise = random.normal(0, 4, (num_frames, HEIGHT_PX, WIDTH_PX, 1))
    return np.asarray((np.stack(frames) + noise).clip(0, 255), np.uint8)


def write_mp4(path: Path, frames: Frames) -> None:
    """Write frames as an H.264 file; the same frames give the same bytes.

    The slower presets of x264 do not promise that: their assembly code makes the bytes vary.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "20", "threads": "1"}
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def _frame(
    centre: NDArray[np.float64],
    skin: tuple[int, int, int],
    look: Look,
    strength: float,
    background: NDArray[np.int64],
) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(float)
    x, y = columns - centre[0], rows - centre[1]
    image = np.broadcast_to(background.astype(float), (HEIGHT_PX, WIDTH_PX, 3)).copy()
    image[(x / 24) ** 2 + (y / 30) ** 2 < 1] = skin
    for side in (-1, 1):
        eye_x, eye_y = x - 10 * side, y + 8
        image[(eye_x / 6) ** 2 + (eye_y / (1 + 5 * look.eyes * strength)) ** 2 < 1] = 250
        image[eye_x**2 + eye_y**2 < 4] = 20
        slope = 0.45 * look.brows * side * strength
        brow_y = y + 16 + 3 * look.brows * strength + slope * eye_x * -1
        image[(np.abs(eye_x) < 7) & (np.abs(brow_y) < 1.4)] = (60, 40, 20)
    middle = 14 + 5 * look.corners * strength * (1 - 2 * (x / 11) ** 2) * 0.6
    opening = (1.2 + 8 * look.mouth * strength) * np.sqrt(np.clip(1 - (x / 11) ** 2, 0, 1))
    image[(np.abs(x) < 11) & (np.abs(y - middle) < opening)] = (150, 30, 40)
    return image
