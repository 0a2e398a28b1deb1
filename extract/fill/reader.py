"""Reads and prepares utterances for backbones, ahead of them."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from extract.fill.prepare import Prepared, joined, prepare_audio, prepare_video, try_prepare
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.files.source import Source
from extract.media.frames import Stretch
from extract.media.rows import FeatureRows
from extract.media.text import Text
from extract.network.backbone import Backbone, Example
from extract.plan.context import Context
from features.errors import ProjectError
from features.manifest import BY_ID, Utterance
from features.specs.tracks import ExtractSpec


class Reader:
    """Reads the utterances of a corpus for backbones of one modality, within the stated limits.

    `contexts` are what each backbone reads along with the utterances. Media are decoded and
    prepared in the child process, which has the backbones' `prepare`, once for all of them; text
    and ready-made features are prepared here. The segments of an utterance are prepared one by
    one.
    """

    def __init__(
        self,
        root: Path,
        backbones: Sequence[Backbone],
        spec: ExtractSpec,
        contexts: Sequence[Context],
        child: Child,
    ) -> None:
        self.root = root
        self.backbones = backbones
        self.reads = backbones[0].reading.modalities[0]
        self.spec = spec
        self.contexts = contexts
        self.child = child

    def read_all(
        self, block: Sequence[tuple[Utterance, Sequence[int]]]
    ) -> list[dict[int, Prepared]]:
        """`read` for several utterances; texts are tokenised in one call for each backbone."""
        if self.reads != "text":
            return [self.read(item) for item in block]
        prepared_by_place: list[dict[int, Prepared]] = [{} for _ in block]
        for number in range(len(self.backbones)):
            places = [place for place, (_, numbers) in enumerate(block) if number in numbers]
            utterances = [block[place][0] for place in places]
            for place, text in zip(places, self._texts(utterances, number), strict=True):
                prepared_by_place[place][number] = text
        return prepared_by_place

    def read(self, item: tuple[Utterance, Sequence[int]]) -> dict[int, Prepared]:
        """An utterance as each of the numbered backbones takes it, or the reason why it cannot.

        The reason is ``absent``, ``known-bad``, ``missing``, ``too-large``, ``too-long``,
        ``undecodable`` or ``empty``.
        """
        if self.reads == "text":
            return self.read_all([item])[0]
        utterance, numbers = item
        prepared: dict[int, Prepared] = {}
        for number in numbers:
            missing = self._missing_modality(utterance, number)
            if missing is not None:
                prepared[number] = self._absent(missing)
        readable = [number for number in numbers if number not in prepared]
        if not readable:
            return prepared
        try:
            prepared.update(zip(readable, self._read(utterance, readable), strict=True))
        except UnreadableError as error:
            failed = Prepared(reason=error.reason, detail=error.detail)
            prepared.update(dict.fromkeys(readable, failed))
        return prepared

    def _absent(self, modality: str) -> Prepared:
        return Prepared(reason="absent", detail=f"the corpus has no {modality} for it")

    def _missing_modality(self, utterance: Utterance, number: int) -> str | None:
        for modality in self.backbones[number].reading.modalities:
            if utterance.source(modality) is None:
                return modality
        return None

    def _read(self, utterance: Utterance, numbers: Sequence[int]) -> list[Prepared]:
        if self.reads not in ("audio", "video"):
            return [try_prepare(partial(self._rows, utterance, number), 0.0) for number in numbers]
        if utterance.known_bad is not None:
            raise UnreadableError("known-bad", utterance.known_bad)
        relative = utterance.audio if self.reads == "audio" else utterance.video
        stated = utterance.audio_digest if self.reads == "audio" else utterance.video_digest
        source = self._source(relative, stated)
        stretches, limit_s = stretches_of(utterance, self.reads), self.spec.max_duration_s
        if self.reads == "audio":
            settings = {"channel": utterance.audio_channel, "max_duration_s": limit_s}
            return self.child.call_prepares(prepare_audio, source, numbers, stretches, settings)
        text = None if utterance.text is None else Text(utterance.text)
        boxed = [
            Stretch(start_s or 0.0, end_s, utterance.video_box, limit_s)
            for start_s, end_s in stretches
        ]
        if len(boxed) > 1 and any(len(b.reading.modalities) > 1 for b in self.backbones):
            raise ProjectError(
                f"{utterance.id!r} has segments, but a network on video and text takes an "
                "utterance in one piece; remove that track from params.yaml"
            )
        return self.child.call_prepares(prepare_video, source, numbers, boxed, text)

    def _texts(self, utterances: Sequence[Utterance], number: int) -> list[Prepared]:
        """The words of utterances, segment by segment where they have some."""
        texts: list[Text] = []
        for utterance in utterances:
            if utterance.text is None:
                continue
            if utterance.segments is None:
                earlier = self.contexts[number].earlier_texts.get(utterance.id, ())
                texts.append(Text(utterance.text, earlier))
            else:
                texts += [Text(segment.text) for segment in utterance.segments]
        prepare = self.backbones[number].prepare
        together = getattr(prepare, "together", lambda each: [prepare(text) for text in each])
        examples = iter(together(texts))
        return [self._prepared_text(utterance, number, examples) for utterance in utterances]

    def _prepared_text(
        self, utterance: Utterance, number: int, examples: Iterator[Example]
    ) -> Prepared:
        """One utterance's text; takes the examples of its segments from the iterator."""
        if utterance.text is None:
            return self._absent("text")
        if utterance.segments is None:
            example = next(examples)
            return try_prepare(lambda: example, 0.0)
        words = [segment.text for segment in utterance.segments]
        whole = joined([next(examples) for _ in words], words)
        return try_prepare(lambda: whole, 0.0)

    def _rows(self, utterance: Utterance, number: int) -> Example:
        if self.reads == BY_ID:
            return self.backbones[number].prepare(utterance.id)
        file = utterance.features[self.reads]
        file_place = self.contexts[number].file_places[utterance.id]
        path = self._source(file.path, file.digest).checked()
        stretches = tuple(stretches_of(utterance, self.backbones[number].modality))
        stretches = () if stretches == ((None, None),) else stretches
        rows = FeatureRows(path, str(file.digest), utterance.id, *file_place, stretches)
        return self.backbones[number].prepare(rows)

    def _source(self, relative: str | None, digest: str | None) -> Source:
        assert relative is not None
        return Source(self.root, relative, digest, self.spec.max_media_bytes)


def stretches_of(utterance: Utterance, modality: str) -> list[tuple[float | None, float | None]]:
    """The seconds that are read: its segments, or the whole of it."""
    if utterance.segments is None:
        whole = (utterance.start_s, utterance.end_s)
        return [utterance.video_stretch if modality == "video" else whole]
    return [(segment.start_s, segment.end_s) for segment in utterance.segments]
