"""Names for classes that a foreign file only numbers, checked against how often each occurs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from features import known_counts
from features.errors import ProjectError, quoted
from features.foreign.contract import CLASSES, Note

KNOWN_COUNTS = {
    "MELD": known_counts.MELD_EMOTIONS,
    "MELD's training split": known_counts.MELD_TRAINING_EMOTIONS,
    "MELD's test split": known_counts.MELD_TEST_EMOTIONS,
    "MELD's sentiment": known_counts.MELD_SENTIMENTS,
    "IEMOCAP": known_counts.IEMOCAP_SIX_EMOTIONS,
}


def named_labels(
    labels: Sequence[Mapping[str, Any]],
    classes: Mapping[str, Sequence[str]],
    where: str,
    note: Note,
) -> list[dict[str, Any]]:
    """The labels with names in the place of numbers.

    `classes` lists the names of each field in the order of their numbers. A field that is only
    numbered and not listed is left out, and `note` says so. How often each name occurs is noted, to
    be compared with the corpus, and of which corpus the counts are. Raises ProjectError where the
    list is too short or repeats a name, and where a known corpus has these counts in another order.
    """
    named = [dict(label) for label in labels]
    for field in CLASSES:
        numbers = Counter(label[field] for label in labels if isinstance(label.get(field), int))
        if not numbers:
            if field in classes:
                raise ProjectError(
                    f"{where}: classes names {field}, which the file does not number; leave it out"
                )
            continue
        if field not in classes:
            note(
                f"{field} is numbered, {min(numbers)} to {max(numbers)}, without names, and is "
                "left out; list the names in the order of the numbers: "
                f"classes: {{{field}: [...]}}"
            )
            for label in named:
                label.pop(field, None)
            continue
        names = list(classes[field])
        _check(field, names, numbers, where, note)
        counts = ", ".join(f"{names[number]} {numbers[number]}" for number in sorted(numbers))
        note(f"{field} as named: {counts}")
        for label in named:
            if field in label:
                label[field] = names[label[field]]
    return named


def _check(
    field: str, names: Sequence[str], numbers: Mapping[int, int], where: str, note: Note
) -> None:
    if min(numbers) < 0 or max(numbers) >= len(names) or len(set(names)) < len(names):
        raise ProjectError(
            f"{where}: classes.{field} has {len(names)} names, {quoted(names)}, but the numbers "
            f"are {min(numbers)} to {max(numbers)}; give each number a name of its own"
        )
    counts = [numbers.get(number, 0) for number in range(len(names))]
    for corpus, known in KNOWN_COUNTS.items():
        if sorted(counts) != sorted(known.values()):
            continue
        order = [name for count in counts for name in known if known[name] == count]
        if set(known) != set(names):
            note(f"{field} has the counts of {corpus}, whose order is {', '.join(order)}")
        elif order != list(names):
            wrong = next(name for name, right in zip(names, order, strict=True) if name != right)
            raise ProjectError(
                f"{where}: classes.{field} is {', '.join(names)}, so that {wrong!r} has "
                f"{counts[names.index(wrong)]} utterances; in {corpus} it has {known[wrong]}. By "
                f"the counts of {corpus} the order is {', '.join(order)}"
            )
