"""ECF (Wang et al. 2023), SemEval-2024 Task 3, sub-task 2: conversations of Friends with causes.

The root holds ``Subtask_2_train.json`` and ``Subtask_2_test.json`` and, for the dev part,
``ecf_conv_splits.json`` (the conversations of ECF's own train, dev and test part, all of them in
the first file). `parts: semeval` tests on the challenge's conversations and takes ECF's dev part;
`parts: ecf` has ECF's own three parts alone. Clips are taken from ``videos/`` where it is there.
The texts are tokenised. Six emotions and neutral.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from extract.corpus.expectations import Expected
from extract.corpus.notes import Note
from features.errors import ProjectError
from features.manifest import Label, Split, Utterance

# Corpora of the same recordings: a head trained on one has heard the other.
SAME_RECORDINGS = ("meld",)
EMOTIONS = ("neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear")
TRAIN_COUNTS = (5929, 2301, 1840, 1615, 1147, 414, 373)
TEST_COUNTS = (1280, 700, 363, 235, 249, 123, 151)


def expected(*, parts: Literal["semeval", "ecf"] = "semeval") -> Expected:
    """How many utterances have each emotion."""
    if parts == "ecf":
        return {"emotion": dict(zip(EMOTIONS, TRAIN_COUNTS, strict=True))}
    both = [one + other for one, other in zip(TRAIN_COUNTS, TEST_COUNTS, strict=True)]
    return {"emotion": dict(zip(EMOTIONS, both, strict=True))}


def read(
    root: Path, note: Note, *, parts: Literal["semeval", "ecf"] = "semeval"
) -> Iterator[tuple[Utterance, Label]]:
    """Conversations in the order of the files."""
    own = _json(root / "ecf_conv_splits.json")
    named: dict[int, Split] = {int(n): part for part in ("train", "dev", "test") for n in own[part]}  # type: ignore[misc]
    for conversation in _json(root / "Subtask_2_train.json"):
        split = named.get(conversation["conversation_ID"])
        if split is None:
            raise ProjectError(
                f"{root / 'ecf_conv_splits.json'} says nothing of the conversation "
                f"{conversation['conversation_ID']}"
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
    for said in conversation["conversation"]:
        number = said["utterance_ID"]
        name = f"{dialogue}-utt-{number}"
        clip = root / "videos" / said.get("video_name", "")
        seen = clip.parent.is_dir() and "video_name" in said
        path = clip.relative_to(root).as_posix() if seen else None
        utterance = Utterance(
            id=name,
            text=said["text"],
            audio=path,
            video=path,
            annotated_s=None if path is None else _length_s(said["video_source"]),
            speaker=said["speaker"],
            dialogue=dialogue,
            turn=number,
        )
        yield (
            utterance,
            Label(
                id=name, split=split, emotion=said["emotion"], causes=tuple(causes.get(number, ()))
            ),
        )


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
        raise ProjectError(f"{path} does not exist; it belongs to ECF") from None
    except ValueError as error:
        raise ProjectError(f"{path} is no JSON: {error}") from None
