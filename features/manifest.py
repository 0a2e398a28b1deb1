"""What a corpus says (utterances) and what it means (labels), as JSON Lines."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

from features.errors import ProjectError
from features.files import canonical_json, write_atomic

Modality = Literal["text", "audio", "video"]
MODALITIES: tuple[Modality, ...] = ("text", "audio", "video")
Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@dataclass(frozen=True)
class Utterance:
    """One stretch of talk.

    Paths are relative to the corpus root. `start_s` and `end_s` cut the stretch out of longer
    media (None: the whole file). `audio_channel` picks one channel (None: the mean of all).
    `video_box` is left, top, right, bottom as fractions of the frame. The digests are SHA-256
    of the media, None where the file is missing. `known_bad` is the reason why the reader
    knows the media to be unusable; its text counts all the same.
    """

    id: str
    text: str | None = None
    audio: str | None = None
    video: str | None = None
    audio_digest: str | None = None
    video_digest: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    audio_channel: int | None = None
    video_box: tuple[float, float, float, float] | None = None
    speaker: str | None = None
    session: str | None = None
    dialogue: str | None = None
    turn: int | None = None
    known_bad: str | None = None

    def source(self, modality: str) -> dict[str, Any] | None:
        """Everything that is read for one modality, or None where the utterance lacks it."""
        if modality == "text":
            return None if self.text is None else {"text": self.text}
        path, digest = getattr(self, modality), getattr(self, f"{modality}_digest")
        if path is None:
            return None
        window = {"digest": digest, "start_s": self.start_s, "end_s": self.end_s}
        if modality == "audio":
            return {**window, "channel": self.audio_channel, "known_bad": self.known_bad}
        return {**window, "box": self.video_box, "known_bad": self.known_bad}


@dataclass(frozen=True)
class Label:
    """What an utterance means, and the part of the corpus it belongs to.

    Classes are names, never numbers. `causes` holds the ids of the utterances that cause the
    emotion. `phq8` is the depression score (0 to 24) of the speaker.
    """

    id: str
    split: Split
    emotion: str | None = None
    sentiment: str | None = None
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    causes: tuple[str, ...] | None = None
    phq8: float | None = None


Record = TypeVar("Record", Utterance, Label)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write one JSON object per line, fields that are None left out."""
    lines = [
        canonical_json({k: v for k, v in asdict(record).items() if v is not None})
        for record in records
    ]
    write_atomic(path, b"".join(lines))


def read_utterances(path: Path) -> list[Utterance]:
    """The manifest in a file written by `write_records`."""
    return _read(path, Utterance)


def read_labels(path: Path) -> list[Label]:
    """The labels in a file written by `write_records`."""
    return _read(path, Label)


def _read(path: Path, kind: type[Record]) -> list[Record]:
    known = {field.name for field in fields(kind)}
    records = []
    try:
        # Not splitlines(): a text may hold U+2028, which that takes for the end of a line.
        lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except FileNotFoundError:
        raise ProjectError(f"{path} does not exist; 'dvc repro' makes it") from None
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is no UTF-8 text ({error}); make it again") from None
    for number, line in enumerate(lines, 1):
        try:
            values = json.loads(line)
            if unknown := values.keys() - known:
                raise ValueError(f"unknown fields {sorted(unknown)}")
            fitting: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
            }
            records.append(kind(**fitting))
        except (ValueError, TypeError, AttributeError) as error:
            raise ProjectError(
                f"{path}, line {number}: {error}; each line must be one {kind.__name__}. "
                "Make the file again with 'dvc repro -f'."
            ) from None
    return records


def corpus_problems(utterances: Sequence[Utterance], labels: Sequence[Label]) -> list[str]:
    """Every reason why a corpus cannot be used: emptiness, repeated ids, leaks between
    splits, turns out of order."""
    if not utterances:
        return ["it has no utterances; check that its root is the folder that the reader expects"]
    problems = [
        f"the id {name!r} occurs {count} times; ids must be unique"
        for name, count in Counter(utterance.id for utterance in utterances).items()
        if count > 1
    ]
    if [label.id for label in labels] != [utterance.id for utterance in utterances]:
        problems.append("its labels and utterances do not name the same ids in the same order")
        return problems
    return problems + _dialogue_problems(utterances, labels)


def _dialogue_problems(utterances: Sequence[Utterance], labels: Sequence[Label]) -> list[str]:
    splits: dict[str, set[str]] = defaultdict(set)
    for utterance, label in zip(utterances, labels, strict=True):
        if utterance.dialogue is not None:
            splits[utterance.dialogue].add(label.split)
    problems = [
        f"the dialogue {dialogue!r} is in {' and '.join(sorted(parts))}; a dialogue belongs to one "
        "split, or its test turns are seen in training"
        for dialogue, parts in splits.items()
        if len(parts) > 1
    ]
    problems += [
        f"the turn {later.turn} of the dialogue {later.dialogue!r} ({later.id!r}) comes after its "
        f"turn {earlier.turn}; turns must be in the order in which they were said"
        for earlier, later in pairwise(utterances)
        if earlier.dialogue is not None
        and earlier.dialogue == later.dialogue
        and earlier.turn is not None
        and later.turn is not None
        and later.turn <= earlier.turn
    ]
    runs = Counter(dialogue for dialogue, _ in groupby(u.dialogue for u in utterances) if dialogue)
    return problems + [
        f"the dialogue {dialogue!r} is interrupted by another; its turns must be neighbours"
        for dialogue, count in runs.items()
        if count > 1
    ]
