"""What a backbone is given for one utterance: its text, its samples or its frames."""

from pathlib import Path
from typing import Any

from extract.backbone import Backbone
from extract.media.audio import read_audio
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.video import read_video
from features.errors import ProjectError
from features.files import digest_file
from features.manifest import Utterance
from features.specs import ExtractSpec


class Reader:
    """Reads one modality of the utterances of a corpus within the stated limits."""

    def __init__(self, root: Path, backbone: Backbone, spec: ExtractSpec, child: Child) -> None:
        self.root = root
        self.modality = backbone.modality
        self.settings = dict(backbone.reading)
        self.spec = spec
        self.child = child

    def read(self, utterance: Utterance) -> Any:
        """The utterance's media as `Backbone.prepare` takes it.

        Raises UnreadableError with the reason code where there is nothing to give: ``absent``,
        ``known-bad``, ``missing``, ``too-large``, ``too-long`` or ``undecodable``.
        """
        if utterance.source(self.modality) is None:
            raise UnreadableError("absent", f"the corpus has no {self.modality} for it")
        if self.modality == "text":
            return utterance.text
        if utterance.known_bad is not None:
            raise UnreadableError("known-bad", utterance.known_bad)
        path = self._checked(utterance)
        window = {
            "start_s": utterance.start_s,
            "end_s": utterance.end_s,
            "max_duration_s": self.spec.max_duration_s,
        }
        if self.modality == "audio":
            channel = utterance.audio_channel
            return self.child.call(read_audio, path, channel=channel, **window)
        box = utterance.video_box
        return self.child.call(read_video, path, box=box, **self.settings, **window)

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


def stale_manifest(fault: str) -> ProjectError:
    """The error for media that are not those that the manifest names; nothing is recorded."""
    return ProjectError(
        f"{fault} since the manifest was made; run 'dvc repro', which makes the manifest again"
    )
