"""What makes a corpus unusable: repeated ids, leaks between splits, turns out of order."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby, pairwise

from features.manifest import Label, Utterance

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def corpus_problems(utterances: Sequence[Utterance], labels: Sequence[Label]) -> list[str]:
    """Every reason why a corpus cannot be used, as one line each."""
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
    problems += [
        f"the label {field.name} of {label.id!r} is {value}; it must be a finite number"
        for label in labels
        for field in fields(label)
        if isinstance(value := getattr(label, field.name), float) and not math.isfinite(value)
    ]
    problems += _character_problems(utterances)
    problems += _cause_problems(utterances, labels)
    return problems + _turn_problems(utterances) + _dialogue_problems(utterances, labels)


def _character_problems(utterances: Sequence[Utterance]) -> list[str]:
    """Texts and names that no file can hold: UTF-8 has no half characters."""
    texts = ((u.id, text) for u in utterances for text in (u.id, u.text, u.speaker, u.dialogue))
    return [
        f"the utterance {name!r} has half of a character ({lone[0]!r}, a lone surrogate) in "
        f"{text[:40]!r}; retype the text"
        for name, text in texts
        if text is not None and (lone := LONE_SURROGATE.search(text)) is not None
    ]


def _turn_problems(utterances: Sequence[Utterance]) -> list[str]:
    """Dialogues of which only some turns are numbered: the others' places would be guessed."""
    numbered: dict[str, list[str]] = defaultdict(list)
    unnumbered: dict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        if utterance.dialogue is not None:
            turns = unnumbered if utterance.turn is None else numbered
            turns[utterance.dialogue].append(utterance.id)
    return [
        f"the dialogue {dialogue!r} has turns with and without a number: {ids[0]!r} has none; "
        "number all of them, or none to keep the order of the corpus"
        for dialogue, ids in unnumbered.items()
        if dialogue in numbered
    ]


def _cause_problems(utterances: Sequence[Utterance], labels: Sequence[Label]) -> list[str]:
    dialogues = {utterance.id: utterance.dialogue or utterance.id for utterance in utterances}
    return [
        f"the utterance {label.id!r} has the cause {cause!r}, which is not in its dialogue"
        for label in labels
        for cause in label.causes or ()
        if dialogues.get(cause) != dialogues[label.id]
    ] + [
        f"the utterance {label.id!r} names a cause twice: {' '.join(label.causes)}"
        for label in labels
        if label.causes and len(set(label.causes)) < len(label.causes)
    ]


def _dialogue_problems(utterances: Sequence[Utterance], labels: Sequence[Label]) -> list[str]:
    splits: dict[str, set[str | None]] = defaultdict(set)
    for utterance, label in zip(utterances, labels, strict=True):
        if utterance.dialogue is not None:
            splits[utterance.dialogue].add(label.split)
    problems = [
        f"the dialogue {dialogue!r} is in {' and '.join(sorted(map(str, names)))}; a dialogue "
        "must be in one split, or its test turns would be seen in training"
        for dialogue, names in splits.items()
        if len(names) > 1
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
        f"the dialogue {dialogue!r} is interrupted by another; its turns must be consecutive"
        for dialogue, count in runs.items()
        if count > 1
    ]
