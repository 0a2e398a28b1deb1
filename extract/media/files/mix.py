"""Decoded blocks of several channels become one channel."""

import numpy as np
from numpy.typing import NDArray

from extract.media.errors import MAX_AUDIO_BYTES, UnreadableError, refuse_large

# Samples, of all channels, that are mixed at a time.
TOGETHER = 2**22
Samples = NDArray[np.float32]


def max_samples(num_channels: int) -> int:
    """How many samples of so many channels are decoded at most."""
    return MAX_AUDIO_BYTES // (4 * num_channels)


class Mix:
    """The mean of all channels, or the one numbered `channel` (from 0, in the decoder's order).

    `peak` is the largest magnitude in any channel that is read.
    """

    def __init__(self, channel: int | None) -> None:
        self.channel = channel
        self.peak = 0.0
        self._blocks: list[tuple[int, Samples]] = []
        self._num_samples = 0
        self._waiting: list[Samples] = []
        self._num_waiting, self._end = 0, 0

    def refuse_large(self, num_channels: int, num_samples: int) -> None:
        """Raise UnreadableError ``too-large`` before so many samples are decoded."""
        num_bytes = 4 * num_channels * num_samples
        refuse_large(num_bytes, MAX_AUDIO_BYTES, "bytes of decoded samples")

    def add(self, position: int, block: Samples) -> None:
        """Add channels `(C, N)` that begin at a sample of the stretch, after those before."""
        if position != self._end:
            self._mix()
        self._waiting.append(block)
        self._end = position + block.shape[1]
        self._num_waiting += block.size
        if self._num_waiting >= TOGETHER:
            self._mix()
        self.reach(self._end)

    def _mix(self) -> None:
        """Mix the blocks that wait, which follow one another."""
        if not self._num_waiting:
            return
        block = self._waiting[0] if len(self._waiting) == 1 else np.hstack(self._waiting)
        self._waiting, self._num_waiting = [], 0
        position = self._end - block.shape[1]
        if self.channel is None:
            mixed = block.mean(axis=0, dtype=np.float32)
        elif self.channel < len(block):
            block = block[self.channel : self.channel + 1]
            mixed = np.ascontiguousarray(block[0])
        else:
            detail = f"it has {len(block)} channels, but the manifest says number {self.channel}"
            raise UnreadableError("undecodable", detail)
        self.peak = max(self.peak, float(block.max()), -float(block.min()))
        self._blocks.append((position, mixed))

    def reach(self, num_samples: int) -> None:
        """The stretch is at least so long, with silence where no block is added."""
        self._num_samples = max(self._num_samples, num_samples)

    def samples(self) -> Samples:
        """All blocks `(N,)`, with silence between them and up to the end; frees them."""
        self._mix()
        blocks, self._blocks = self._blocks, []
        if len(blocks) == 1 and len(blocks[0][1]) == self._num_samples:
            return blocks[0][1]
        whole = np.zeros(self._num_samples, np.float32)
        for position, block in blocks:
            whole[position : position + len(block)] = block
        return whole
