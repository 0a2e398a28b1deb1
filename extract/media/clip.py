"""A stretch of video as one network takes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.media.text import Text

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """Frames `(T, H, W, 3)` of uint8, and the words said meanwhile where the network reads them.

    `num_faceless` counts the frames in which no face was found; None where none was looked for.
    """

    frames: Frames
    num_faceless: int | None = None
    text: Text | None = None

    @property
    def facts(self) -> dict[str, int]:
        """The number of frames, and of those without a face, where faces were looked for."""
        if self.num_faceless is None:
            return {}
        return {"num_frames": len(self.frames), "num_faceless": self.num_faceless}
