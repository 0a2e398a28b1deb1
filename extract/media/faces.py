"""Finds the face in a frame and cuts a square around it.

The detector is YuNet of the OpenCV model zoo (MIT licence; 10.1007/s11633-023-1423-y), run by
OpenCV on the CPU. A frame usually shows one speaker's face; of several the largest is taken.
Each frame is handled alone: the squares of neighbouring frames are not smoothed.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from extract.media.video import Picture
from features.errors import ProjectError
from features.extras import require_extra
from features.files import digest_file

# Raised when a change of the code changes which pixels are cut out.
VERSION = 1
WEIGHTS_NAME = "face_detection_yunet_2026may.onnx"
WEIGHTS_SHA256 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
WEIGHTS_URL = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/"
    f"47534e27c9851bb1128ccc0102f1145e27f23f98/models/face_detection_yunet/{WEIGHTS_NAME}"
)
# The detector was trained on faces of up to 300 pixels.
LONGEST_PX = 640
MIN_SCORE = 0.6
# The square is this much longer than the longer side of the face.
MARGIN = 1.3


def face_weights(face_crop: bool) -> Path | None:
    """The detector's weights, fetched once into torch's folder of checkpoints; None without crop.

    Raises ProjectError where they are missing and cannot be fetched, or are not the right ones.
    """
    if not face_crop:
        return None
    require_extra("face_crop", "cv2", "opencv-python-headless")
    path = Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_NAME
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(WEIGHTS_URL, str(path), WEIGHTS_SHA256, progress=False)
        fault = None if digest_file(path) == WEIGHTS_SHA256 else "are damaged"
    except (OSError, RuntimeError) as error:
        fault = f"are not on this machine and could not be downloaded ({error})"
    if fault is not None:
        raise ProjectError(
            f"the weights of the face detector, {path}, {fault}. Put {WEIGHTS_NAME} of the OpenCV "
            f"model zoo there (SHA-256 {WEIGHTS_SHA256[:16]}...), connect to the internet once, or "
            "set face_crop to false."
        )
    return path


def described(weights: Path) -> str:
    """A description of the detector that changes with its weights and with how we use it."""
    return f"{weights.name}, SHA-256 {digest_file(weights)}, rule {VERSION}"


class FaceFinder:
    """Cuts out faces with the detector whose weights are in a file."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights

    @cached_property
    def _detector(self) -> tuple[Any, Any]:
        import cv2

        cv2.setNumThreads(1)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        return cv2, cv2.FaceDetectorYN.create(str(self.weights), "", (320, 320), MIN_SCORE)

    def cut(self, picture: Picture) -> Picture | None:
        """The square around the largest face of a frame, or None where no face is found.

        The face is in the middle of the square, unless that would reach over the frame's edge.
        """
        face = self.largest(picture)
        if face is None:
            return None
        left, top, width, height = face
        num_rows, num_columns, _ = picture.shape
        side = max(1, min(round(MARGIN * max(width, height)), num_rows, num_columns))
        row = _within(round(top + height / 2 - side / 2), num_rows - side)
        column = _within(round(left + width / 2 - side / 2), num_columns - side)
        return np.ascontiguousarray(picture[row : row + side, column : column + side])

    def largest(self, picture: Picture) -> tuple[float, float, float, float] | None:
        """Left, top, width and height in pixels of the largest face, or None."""
        cv2, detector = self._detector
        height, width, _ = picture.shape
        scale = min(1.0, LONGEST_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
        detector.setInputSize(size)
        _, faces = detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        if faces is None:
            return None
        left, top, width, height = max(faces[:, :4].tolist(), key=lambda face: face[2] * face[3])
        return left / scale, top / scale, width / scale, height / scale


def _within(position: int, last: int) -> int:
    return min(max(position, 0), last)
