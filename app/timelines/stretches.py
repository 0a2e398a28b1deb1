"""Cuts recordings into stretches: at equal distances, by a transcript, or by voice activity."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from app.predict.clips import Cell, Clips
from app.timelines.transcripts import Turn
from app.timelines.voice import speech_in
from extract.media.files.header import length_s
from features.errors import ProjectError
from features.manifest import Utterance

Stretch = tuple[float, float]
# A shorter remainder at the end is not a stretch of its own.
LEAST_S = 0.01


@dataclass(frozen=True)
class Windows:
    """A window of `window_s` around the middle of every `every_s` seconds."""

    every_s: float
    window_s: float

    def of(self, recording_s: float) -> Iterator[tuple[Stretch, Cell]]:
        """Each window within the recording, and the cell of the time line that it answers for.

        A remainder of less than LEAST_S at the end belongs to the last cell.
        """
        num_whole = int(recording_s / self.every_s + 1e-9)
        count = max(1, num_whole + (recording_s - num_whole * self.every_s >= LEAST_S))
        borders = [round(number * self.every_s, 6) for number in range(count)]
        for begin, end in pairwise([*borders, round(recording_s, 6)]):
            middle = (begin + end) / 2
            start = max(0.0, middle - self.window_s / 2)
            yield (start, min(recording_s, middle + self.window_s / 2)), (begin, end)


def in_windows(clips: Clips, windows: Windows) -> Clips:
    """Every file of some clips, window by window; one whose length is unknown stays whole.

    Raises ProjectError for clips that have times or words of their own.
    """
    return _cut_all(clips, "--every", lambda _, recording_s: list(windows.of(recording_s)))


def in_speech(clips: Clips, longest_s: float, note: Callable[[str], None]) -> Clips:
    """Every file of some clips, stretch by stretch of speech, none longer than `longest_s`.

    Raises ProjectError for clips that have times or words of their own.
    """

    def speech_of(utterance: Utterance, recording_s: float) -> list[tuple[Stretch, Cell]]:
        path = clips.root / str(utterance.audio or utterance.video)
        stretches = list(speech_in(path, recording_s, longest_s, utterance.audio_channel))
        if not stretches:
            note(f"{path.name}: no speech was detected")
        return [(stretch, stretch) for stretch in stretches]

    return _cut_all(clips, "--voice", speech_of)


def _cut_all(
    clips: Clips,
    option: str,
    stretches_of: Callable[[Utterance, float], list[tuple[Stretch, Cell]]],
) -> Clips:
    """Cut every file into stretches, each with the cell that it answers for."""
    _refuse_cut(clips, option)
    rows: list[tuple[Utterance, str | None, Cell | None]] = []
    for utterance, file in zip(clips.utterances, clips.files, strict=True):
        recording_s = _length_s(clips.root, utterance)
        if recording_s is None:
            rows.append((utterance, file, None))
            continue
        for stretch, cell in stretches_of(utterance, recording_s):
            rows.append((_cut(utterance, stretch, cell[0]), file, cell))
    return _clips(clips.root, rows)


def in_turns(clips: Clips, turns: Sequence[Turn]) -> Clips:
    """The only file of some clips, turn by turn of its transcript, as one dialogue."""
    if len(clips.utterances) != 1 or clips.files[0] is None:
        raise ProjectError("a transcript with times belongs to one recording; give one file")
    (utterance,), (file,) = clips.utterances, clips.files
    rows: list[tuple[Utterance, str | None, Cell | None]] = []
    for number, turn in enumerate(turns):
        cut = _cut(utterance, (turn.start_s, turn.end_s), turn.start_s)
        named = replace(
            cut, id=f"{utterance.id}-{number}", text=turn.text, speaker=turn.speaker,
            dialogue=utterance.id, turn=number,
        )  # fmt: skip
        rows.append((named, file, (turn.start_s, turn.end_s)))
    return _clips(clips.root, rows)


def _refuse_cut(clips: Clips, option: str) -> None:
    for utterance in clips.utterances:
        if (utterance.start_s, utterance.end_s, utterance.text) != (None, None, None):
            raise ProjectError(
                f"{option} cuts whole recordings, and {utterance.id!r} has times or words of its "
                "own; leave one of them out, or give --transcript with times"
            )


def _length_s(root: Path, utterance: Utterance) -> float | None:
    path = utterance.audio or utterance.video
    return None if path is None or not (root / path).is_file() else length_s(root / path)


def _cut(utterance: Utterance, stretch: Stretch, named_by_s: float) -> Utterance:
    start_s, end_s = (round(time_s, 6) for time_s in stretch)
    name = f"{utterance.id}-{f'{named_by_s:.6f}'.rstrip('0').rstrip('.')}"
    # Windows overlap, and stretches of speech have unknown speakers: they are no dialogue.
    return replace(utterance, id=name, start_s=start_s, end_s=end_s, dialogue=None, turn=None)


def _clips(root: Path, rows: Sequence[tuple[Utterance, str | None, Cell | None]]) -> Clips:
    """Clips whose files were digested already."""
    return Clips.of_digested(
        root, [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
    )
