"""What a backbone is given for one utterance: read, decoded and prepared ahead of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.backbone import Backbone, Example
from extract.media.audio import read_audio
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.text import Text
from extract.media.video import read_video
from features.errors import ProjectError
from features.files import digest_file
from features.manifest import Utterance
from features.specs import ExtractSpec

# What Python takes for an example and for the span of a token.
OBJECT_BYTES = 2000
SPAN_BYTES = 150


@dataclass(frozen=True)
class Prepared:
    """An utterance that is ready for the network, or the reason why it is not.

    `duration_s` is that of the sound or of the frames; 0 for text.
    """

    example: Example | None = None
    duration_s: float = 0.0
    reason: str = "ok"
    detail: str = ""

    @property
    def num_bytes(self) -> int:
        """About the memory that it takes, spans and objects included."""
        if self.example is None:
            return OBJECT_BYTES
        spans = len(self.example.spans or ()) * SPAN_BYTES
        return OBJECT_BYTES + spans + sum(window.values.nbytes for window in self.example.windows)


class Reader:
    """Reads one modality of the utterances of a corpus within the stated limits.

    Media are decoded and prepared in the child process; text is prepared here.
    """

    def __init__(
        self,
        root: Path,
        backbone: Backbone,
        spec: ExtractSpec,
        contexts: Mapping[str, tuple[str, ...]],
        child: Child,
    ) -> None:
        self.root = root
        self.modality = backbone.modality
        self.prepare = backbone.prepare
        self.settings = dict(backbone.reading)
        self.spec = spec
        self.contexts = contexts
        self.child = child

    def read(self, utterance: Utterance) -> Prepared:
        """The utterance as the network takes it, or why there is nothing to give it.

        The reason is ``absent``, ``known-bad``, ``missing``, ``too-large``, ``too-long``,
        ``undecodable`` or ``empty``.
        """
        try:
            example, duration_s = self._read(utterance)
        except UnreadableError as error:
            return Prepared(reason=error.reason, detail=error.detail)
        if not example.windows:
            return Prepared(reason="empty", detail="it has no steps")
        return Prepared(example, duration_s)

    def _read(self, utterance: Utterance) -> tuple[Example, float]:
        if utterance.source(self.modality) is None:
            raise UnreadableError("absent", f"the corpus has no {self.modality} for it")
        if self.modality == "text":
            assert utterance.text is not None
            return self.prepare(Text(utterance.text, self.contexts[utterance.id])), 0.0
        if utterance.known_bad is not None:
            raise UnreadableError("known-bad", utterance.known_bad)
        path = self._checked(utterance)
        window: dict[str, Any] = {
            "start_s": utterance.start_s,
            "end_s": utterance.end_s,
            "max_duration_s": self.spec.max_duration_s,
        }
        if self.modality == "audio":
            window["channel"] = utterance.audio_channel
            return self.child.call(prepare_audio, path, self.prepare, window)
        window |= {**self.settings, "box": utterance.video_box}
        return self.child.call(prepare_video, path, self.prepare, window)

    def _checked(self, utterance: Utterance) -> Path:
        relative = utterance.audio if self.modality == "audio" else utterance.video
        assert relative is not None
        path = self.root / relative
        stated = utterance.audio_digest if self.modality == "audio" else utterance.video_digest
        if not path.is_file():
            if stated is None:
                raise UnreadableError("missing", f"{path} does not exist")
            raise stale_manifest(f"{path} is gone")
        num_bytes = path.stat().st_size
        if num_bytes > self.spec.max_media_bytes:
            limit = self.spec.max_media_bytes
            detail = f"{path} has {num_bytes} bytes; extract.max_media_bytes is {limit}"
            raise UnreadableError("too-large", detail)
        if digest_file(path) != stated:
            raise stale_manifest(f"{path} has changed")
        return path


def prepare_audio(
    path: Path, prepare: Callable[[Any], Example], settings: Mapping[str, Any]
) -> tuple[Example, float]:
    """Decode and prepare a stretch of sound: the example, and its seconds. Runs in a child."""
    samples, rate_hz = read_audio(path, **settings)
    return prepare((samples, rate_hz)), len(samples) / rate_hz


def prepare_video(
    path: Path, prepare: Callable[[Any], Example], settings: Mapping[str, Any]
) -> tuple[Example, float]:
    """Decode and prepare a stretch of pictures: the example, and its seconds. Runs in a child."""
    frames = read_video(path, **settings)
    return prepare(frames), len(frames) / settings["rate_hz"]


def stale_manifest(fault: str) -> ProjectError:
    """The error for media that are not those that the manifest names; nothing is recorded."""
    return ProjectError(
        f"{fault} since the manifest was made; run 'dvc repro', which makes the manifest again"
    )
