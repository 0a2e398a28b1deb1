"""Reads what backbones are given for one utterance, ahead of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from extract.backbone import Backbone
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.frames import Stretch
from extract.media.text import Text
from extract.preparing import Prepared, prepare_audio, prepare_video, prepared
from features.errors import ProjectError
from features.files import digest_file
from features.manifest import Utterance
from features.specs import ExtractSpec

Contexts = Mapping[str, tuple[str, ...]]


class Reader:
    """Reads the utterances of a corpus for backbones of one modality, within the stated limits.

    `contexts` holds for each backbone the earlier turns of each utterance. Media are decoded and
    prepared in the child process, which holds the backbones' `prepare`, once for all of them; text
    is prepared here.
    """

    def __init__(
        self,
        root: Path,
        backbones: Sequence[Backbone],
        spec: ExtractSpec,
        contexts: Sequence[Contexts],
        child: Child,
    ) -> None:
        self.root = root
        self.backbones = backbones
        self.modality = backbones[0].modality
        self.spec = spec
        self.contexts = contexts
        self.child = child

    def read(self, item: tuple[Utterance, Sequence[int]]) -> dict[int, Prepared]:
        """An utterance as each of the numbered backbones takes it, or why it cannot be given.

        The reason is ``absent``, ``known-bad``, ``missing``, ``too-large``, ``too-long``,
        ``undecodable`` or ``empty``.
        """
        utterance, numbers = item
        found: dict[int, Prepared] = {}
        for number in numbers:
            lacking = self._lacking(utterance, number)
            if lacking is not None:
                detail = f"the corpus has no {lacking} for it"
                found[number] = Prepared(reason="absent", detail=detail)
        wanted = [number for number in numbers if number not in found]
        if not wanted:
            return found
        try:
            found.update(zip(wanted, self._read(utterance, wanted), strict=True))
        except UnreadableError as error:
            failed = Prepared(reason=error.reason, detail=error.detail)
            found.update(dict.fromkeys(wanted, failed))
        return found

    def _lacking(self, utterance: Utterance, number: int) -> str | None:
        for modality in self.backbones[number].reading.modalities:
            if utterance.source(modality) is None:
                return modality
        return None

    def _read(self, utterance: Utterance, numbers: Sequence[int]) -> list[Prepared]:
        if self.modality == "text":
            assert utterance.text is not None
            return [
                prepared(
                    self.backbones[number].prepare,
                    Text(utterance.text, self.contexts[number][utterance.id]),
                    0.0,
                )
                for number in numbers
            ]
        if utterance.known_bad is not None:
            raise UnreadableError("known-bad", utterance.known_bad)
        path = self._checked(utterance)
        start_s, end_s, longest_s = utterance.start_s, utterance.end_s, self.spec.max_duration_s
        if self.modality == "audio":
            window = {"start_s": start_s, "end_s": end_s, "max_duration_s": longest_s}
            window["channel"] = utterance.audio_channel
            return self.child.call_held(prepare_audio, path, numbers, window)
        stretch = Stretch(start_s or 0.0, end_s, utterance.video_box, longest_s)
        said = None if utterance.text is None else Text(utterance.text)
        return self.child.call_held(prepare_video, path, numbers, stretch, said)

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
