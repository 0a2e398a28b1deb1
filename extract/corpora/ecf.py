"""ECF (Wang et al. 2023), SemEval-2024 Task 3, sub-task 2: conversations of Friends with causes.

The root holds ``Subtask_2_train.json``, ``Subtask_2_test.json`` and ``ecf_conv_splits.json`` (the
conversations of ECF's own train, dev and test split, all of them in the first file).
`parts: semeval` tests on the challenge's conversations and uses ECF's dev set; `parts: ecf` uses
only ECF's own three splits. Clips are in ``videos/``, which may be missing. The texts are
tokenised. Six emotions and neutral.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from extract.corpus.reader import Expected, Note
from features.errors import ProjectError
from features.manifest import SPLITS, Label, Split, Utterance

SAME_RECORDINGS = ("meld",)
EMOTIONS = ("neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear")
TRAIN_COUNTS = (5929, 2301, 1840, 1615, 1147, 414, 373)
TEST_COUNTS = (1280, 700, 363, 235, 249, 123, 151)


def expected(*, parts: Literal["semeval", "ecf"] = "semeval") -> Expected:
    """How many utterances have each emotion."""
    if parts == "ecf":
        return {"emotion": dict(zip(EMOTIONS, TRAIN_COUNTS, strict=True))}
    sums = [train + test for train, test in zip(TRAIN_COUNTS, TEST_COUNTS, strict=True)]
    return {"emotion": dict(zip(EMOTIONS, sums, strict=True))}


def read(
    root: Path, note: Note, *, parts: Literal["semeval", "ecf"] = "semeval"
) -> Iterator[tuple[Utterance, Label]]:
    """Conversations in the order of the files."""
    numbers = _json(root / "ecf_conv_splits.json")
    splits: dict[int, Split] = {int(n): split for split in SPLITS for n in numbers[split]}
    for conversation in _json(root / "Subtask_2_train.json"):
        split = splits.get(conversation["conversation_ID"])
        if split is None:
            raise ProjectError(
                f"{root / 'ecf_conv_splits.json'} does not name the conversation "
                f"{conversation['conversation_ID']}; it must be in train, dev or test"
            )
        if parts == "semeval" and split == "test":
            split = "train"
        yield from _conversation(root, conversation, split)
    if parts == "semeval":
        for conversation in _json(root / "Subtask_2_test.json"):
            yield from _conversation(root, conversation, "test")


def _conversation(
    root: Path, conversation: dict[str, Any], split: Split
) -> Iterator[tuple[Utterance, Label]]:
    dialogue = f"conv-{conversation['conversation_ID']}"
    causes: dict[int, list[str]] = {}
    for effect, cause in conversation["emotion-cause_pairs"]:
        number = int(effect.split("_")[0])
        causes.setdefault(number, []).append(f"{dialogue}-utt-{int(cause.split('_')[0])}")
    for turn in conversation["conversation"]:
        number = turn["utterance_ID"]
        name = f"{dialogue}-utt-{number}"
        clip = root / "videos" / turn.get("video_name", "")
        has_clip = clip.parent.is_dir() and "video_name" in turn
        path = clip.relative_to(root).as_posix() if has_clip else None
        utterance = Utterance(
            id=name,
            text=turn["text"],
            audio=path,
            video=path,
            annotated_s=None if path is None else _length_s(turn["video_source"]),
            speaker=turn["speaker"],
            dialogue=dialogue,
            turn=number,
        )
        named = tuple(causes.get(number, ()))
        yield utterance, Label(id=name, split=split, emotion=turn["emotion"], causes=named)


def _length_s(source: list[str]) -> float:
    start, end = (
        3600 * float(hours) + 60 * float(minutes) + float(seconds)
        for hours, minutes, seconds in (time.split(":") for time in source[1:3])
    )
    return end - start


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(f"{path} does not exist; copy it from ECF") from None
    except ValueError as error:
        raise ProjectError(f"{path} is not JSON: {error}. Copy it again") from None
