"""A stretch of video as one network takes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.media.text import Text

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """Frames `(T, H, W, 3)` of uint8, and the utterance's text where the network reads it.

    `num_faceless` counts the frames in which no face was found; None where none was looked for.
    """

    frames: Frames
    num_faceless: int | None = None
    text: Text | None = None

    def facts(self, cells: int = 1) -> dict[str, int]:
        """The store's facts of the clip: frames without a face, where faces were looked for.

        And the steps of one moment, `cells`, where they are more than one.
        """
        facts = {} if cells == 1 else {"cells": cells}
        if self.num_faceless is not None:
            facts |= {"num_frames": len(self.frames), "num_faceless": self.num_faceless}
        return facts
