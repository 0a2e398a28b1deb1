"""The audio of an utterance as heads read it: one channel, cut out, as FLAC for browsers."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extract.fill.reader import stretches_of
from extract.media.audio import read_audio
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.files.source import Source
from extract.media.resample import resample
from features.errors import ProjectError
from features.manifest import Utterance
from features.specs.tracks import CorpusSpec, ExtractSpec

NUM_PEAKS = 600
# An interview that is read whole, segment by segment.
MAX_SECONDS = 7200.0


@dataclass(frozen=True)
class Sound:
    """The audio of an utterance as a FLAC file, its length, and its loudness over time.

    `peaks` are the largest magnitudes of NUM_PEAKS equal stretches, from 0 to 1.
    """

    flac: bytes
    duration_s: float
    peaks: list[float]


@dataclass(frozen=True)
class NoSound:
    """Why there is nothing to hear."""

    reason: str


class Sounds:
    """Decodes the sounds of a corpus, in a child process."""

    def __init__(self, corpus: CorpusSpec, extract: ExtractSpec) -> None:
        self.corpus, self.extract = corpus, extract
        self.child = Child(timeout_s=60.0)

    def of(self, utterance: Utterance, max_rate_hz: int | None = None) -> Sound | NoSound:
        """The sound of an utterance, at a rate of `max_rate_hz` at most, or why there is none."""
        if utterance.audio is None:
            return NoSound("the corpus has no audio for this utterance")
        if utterance.known_bad is not None:
            return NoSound(f"known to be unusable: {utterance.known_bad}")
        stretches = stretches_of(utterance, "audio")
        if not stretches:
            return NoSound("the utterance has no segments")
        limit = self.extract.max_media_bytes
        source = Source(self.corpus.root, utterance.audio, utterance.audio_digest, limit)
        try:
            return self.child.call(
                playable,
                source,
                stretches,
                utterance.audio_channel,
                max_rate_hz,
            )
        except UnreadableError as error:
            return NoSound(f"{error.reason}: {error.detail}")
        except ProjectError as error:
            return NoSound(str(error))

    def close(self) -> None:
        """End the child process."""
        self.child.close()


def playable(
    source: Source,
    stretches: Sequence[tuple[float | None, float | None]],
    channel: int | None,
    max_rate_hz: int | None,
) -> Sound:
    """Some stretches of a file, one after another."""
    import soundfile

    path = source.checked()
    parts = [read_audio(path, start, end, channel, MAX_SECONDS) for start, end in stretches]
    rate_hz = parts[0][1]
    samples = np.concatenate([samples for samples, _ in parts])
    if max_rate_hz is not None and rate_hz > max_rate_hz:
        samples, rate_hz = resample(samples, rate_hz, max_rate_hz).numpy(), max_rate_hz
    samples = samples.clip(-1, 1)
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return Sound(file.getvalue(), len(samples) / rate_hz, peaks_of(samples))


def peaks_of(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[float]:
    """The largest magnitude of each of NUM_PEAKS equal stretches (fewer for fewer samples)."""
    stretches = np.array_split(np.abs(samples), min(NUM_PEAKS, max(1, len(samples))))
    return [round(float(part.max(initial=0.0)), 3) for part in stretches]
