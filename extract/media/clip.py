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

    def facts(self, cells: int = 1) -> dict[str, int]:
        """What a store tells of the clip: how many frames have no face, where one was looked for.

        And the steps of one moment, `cells`, where they are more than one.
        """
        told = {} if cells == 1 else {"cells": cells}
        if self.num_faceless is not None:
            told |= {"num_frames": len(self.frames), "num_faceless": self.num_faceless}
        return told
