"""What is said (utterances) and what it means (labels), as JSON Lines."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from features.errors import ProjectError
from features.files import canonical_json, write_stream

Modality = Literal["text", "audio", "video"]
MODALITIES: tuple[Modality, ...] = ("text", "audio", "video")
Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
# Shared by all records without entries: a million empty dictionaries would take 64 MB.
NOTHING: dict[str, Any] = {}
# Files that hold the tracks of many utterances are read by utterance id.
BY_ID = "id"


class Segment(NamedTuple):
    """One turn within a long utterance: its times in the media, and its words."""

    start_s: float
    end_s: float
    text: str


class FeatureFile(NamedTuple):
    """A file of ready-made features, relative to the corpus root, and the SHA-256 of it.

    `row` is the utterance's row in an array of many; None: rows are in the order of the manifest.
    """

    path: str
    digest: str | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of talk.

    Paths are relative to the corpus root. `start_s` and `end_s` cut the stretch out of longer
    media (None: the whole file), `video_start_s` and `video_end_s` where the times in the video
    differ. `segments` are the turns that are used where the labelled unit is long: each is encoded
    on its own, and their steps are concatenated. `audio_channel` picks one channel (None: the mean
    of all). `video_box` is left, top, right, bottom as fractions of the frame. `features` are
    ready-made feature files by name. The digests are SHA-256 of the media, None where the file is
    missing. `annotated_s` is the duration that the annotation states. `known_bad` is the reason
    why the media are known to be unusable; the text is still used.
    """

    id: str
    text: str | None = None
    audio: str | None = None
    video: str | None = None
    audio_digest: str | None = None
    video_digest: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    video_start_s: float | None = None
    video_end_s: float | None = None
    segments: tuple[Segment, ...] | None = None
    audio_channel: int | None = None
    video_box: tuple[float, float, float, float] | None = None
    features: Mapping[str, FeatureFile] = field(default_factory=lambda: NOTHING)
    annotated_s: float | None = None
    speaker: str | None = None
    session: str | None = None
    dialogue: str | None = None
    turn: int | None = None
    known_bad: str | None = None

    def source(self, name: str) -> dict[str, Any] | None:
        """Everything that is read for a modality, for features of that name, or by its id.

        None where the utterance has none. Segments are included only where there are some, so
        that they do not change the digests of other utterances.
        """
        if name == BY_ID:
            return {"id": self.id}
        if name not in MODALITIES:
            file = self.features.get(name)
            times = self.video_stretch
            own = {} if times == (self.start_s, self.end_s) else {"video": times}
            return None if file is None else {"digest": file.digest, **self._stretch(), **own}
        if name == "text":
            if self.text is None:
                return None
            words: dict[str, Any] = {"text": self.text}
            return words if self.segments is None else {**words, "segments": list(self.segments)}
        path, digest = getattr(self, name), getattr(self, f"{name}_digest")
        if path is None:
            return None
        window = {"digest": digest, **self._stretch(), "known_bad": self.known_bad}
        if name == "audio":
            return {**window, "channel": self.audio_channel}
        start_s, end_s = self.video_stretch
        return {**window, "start_s": start_s, "end_s": end_s, "box": self.video_box}

    def _stretch(self) -> dict[str, Any]:
        whole: dict[str, Any] = {"start_s": self.start_s, "end_s": self.end_s}
        return whole if self.segments is None else {**whole, "segments": list(self.segments)}

    @property
    def video_stretch(self) -> tuple[float | None, float | None]:
        """Start and end in the video, in seconds."""
        if self.video_start_s is None and self.video_end_s is None:
            return self.start_s, self.end_s
        return self.video_start_s, self.video_end_s

    @property
    def duration_s(self) -> float | None:
        """Its duration according to the manifest: of its segments together, or of its stretch."""
        if self.segments is not None:
            return sum(segment.end_s - segment.start_s for segment in self.segments)
        if self.end_s is not None:
            return self.end_s - (self.start_s or 0.0)
        return self.annotated_s


@dataclass(frozen=True, slots=True)
class Label:
    """What an utterance means, and the split it belongs to.

    Classes are names. `split` is None where the corpus has no official splits; `folds` is the fold
    in which it is tested, for each column of the table of folds. `speaker`, `session`,
    `dialogue` and `turn` are those of the utterance, so that heads train without the manifest.
    `emotion_votes` says how many annotators chose each emotion, where that is known.
    `recording` is set where the corpus has the recording twice: the id under which it occurs first.
    `causes` are the ids of the utterances that cause the emotion, `is_cause` (``cause``,
    ``no-cause``) is whether it causes one. `phq8` is the depression score (0 to 24) of the speaker,
    `phq8_items` its eight answers (0 to 3), `depression` ``depressed`` or ``not-depressed``.
    """

    id: str
    split: Split | None = None
    speaker: str | None = None
    session: str | None = None
    dialogue: str | None = None
    turn: int | None = None
    folds: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    recording: str | None = None
    emotion: str | None = None
    emotion_votes: Mapping[str, float] | None = None
    sentiment: str | None = None
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    causes: tuple[str, ...] | None = None
    is_cause: str | None = None
    phq8: float | None = None
    phq8_items: tuple[int, ...] | None = None
    depression: str | None = None


Record = TypeVar("Record", Utterance, Label)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write one JSON object per line, fields that are None or empty left out."""
    write_stream(path, (canonical_json(_plain(record)) for record in records))


def _plain(record: Record) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return {name: value for name, value in values.items() if value is not None and value != {}}


def read_utterances(path: Path) -> list[Utterance]:
    """The manifest in a file written by `write_records`."""
    return _read(path, Utterance)


def read_labels(path: Path) -> list[Label]:
    """The labels in a file written by `write_records`."""
    return _read(path, Label)


def _read(path: Path, kind: type[Record]) -> list[Record]:
    names = {field.name for field in fields(kind)}
    records = []
    for number, line in enumerate(_lines(path), 1):
        try:
            values = json.loads(line)
            if unknown := values.keys() - names:
                raise ValueError(f"unknown fields {sorted(unknown)}")
            records.append(kind(**{name: _restored(name, v) for name, v in values.items()}))
        except (ValueError, TypeError, AttributeError) as error:
            raise ProjectError(
                f"{path}, line {number}: {error}; each line must be one {kind.__name__}. "
                "Make the file again with 'dvc repro -f'."
            ) from None
    if not records:
        raise ProjectError(f"{path} is empty; make it again with 'dvc repro -f'")
    return records


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, which end only at line feeds: a text may contain U+2028."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from file
    except FileNotFoundError:
        raise ProjectError(f"{path} does not exist; 'dvc repro' makes it") from None
    except UnicodeDecodeError as error:
        raise ProjectError(
            f"{path} is not UTF-8 text ({error}); make it again with 'dvc repro -f'"
        ) from None


def _restored(name: str, value: Any) -> Any:
    """The value of a field as it was before it was written as JSON."""
    if name == "segments":
        return tuple(Segment(*segment) for segment in value)
    if name == "features":
        return {key: FeatureFile(*file) for key, file in value.items()}
    return tuple(value) if isinstance(value, list) else value
