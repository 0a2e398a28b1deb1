"""Cuts a corpus into the parts of each fold, and refuses what would leak between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from features.errors import ProjectError
from features.leaves import load_leaf
from features.manifest import SPLITS, Label, Split
from features.specs.heads import ProtocolSpec
from train.data.dialogues import in_order
from train.folds.fold import Fold
from train.folds.grouping import acquainted, dialogues, shuffled


@dataclass(frozen=True)
class Parts:
    """The labels of one fold's training, dev and test part, each in manifest order.

    `shared_speakers` are those of the test part who train or choose as well; always none where the
    protocol keeps speakers apart, as far as they are known: of `num_unknown_speakers` utterances
    nobody knows who speaks. `drawn` says whether dev was drawn or is the corpus's own.
    """

    fold: str
    train: list[Label]
    dev: list[Label]
    test: list[Label]
    shared_speakers: tuple[str, ...]
    num_unknown_speakers: int
    drawn: bool

    def __getitem__(self, split: Split) -> list[Label]:
        part: list[Label] = getattr(self, split)
        return part


def labelled(parts: Parts, names: Sequence[str], whole: bool) -> Parts:
    """The same parts, without the training utterances that have none of these labels.

    They would teach nothing, and easy ones first would be nothing but them. In `whole` dialogues
    they are context: only dialogues without any label are left out.
    """
    rows = range(len(parts.train))
    known = {n for n in rows if any(getattr(parts.train[n], name) is not None for name in names)}
    if whole:
        known = {n for group in in_order(parts.train) if known & set(group) for n in group}
    return replace(parts, train=[parts.train[n] for n in rows if n in known])


def cut(spec: ProtocolSpec, labels: Sequence[Label], where: str) -> list[Parts]:
    """The parts of every fold; `where` names the head in messages.

    Raises ProjectError for an empty part, a dialogue in two parts of a fold, and a speaker in
    two parts where the protocol keeps speakers apart.
    """
    leaf = load_leaf("train/protocols", spec.leaf.code)
    try:
        proposed: list[Fold] = leaf.folds(labels, **spec.leaf.options)
        return [_parts(spec, fold, labels, leaf.SPEAKER_DISJOINT) for fold in proposed]
    except ProjectError as error:
        raise ProjectError(f"{where}, protocol {spec.leaf.code!r}: {error}") from None


def _parts(spec: ProtocolSpec, fold: Fold, labels: Sequence[Label], disjoint: bool) -> Parts:
    rest = [label for label in labels if label.id not in fold.test]
    dev = _drawn(spec, fold.name, rest) if fold.dev is None else fold.dev
    parts: dict[Split, list[Label]] = {
        "train": [label for label in rest if label.id not in dev],
        "dev": [label for label in rest if label.id in dev],
        "test": [label for label in labels if label.id in fold.test],
    }
    empty = [split for split in SPLITS if not parts[split]]
    if empty:
        raise ProjectError(
            f"fold {fold.name!r} has no utterance in {' and '.join(empty)}; training needs all of "
            f"{', '.join(SPLITS)}"
        )
    _refuse_shared(fold.name, parts, "dialogue", list(combinations(SPLITS, 2)))
    if disjoint:
        pairs = [("train", "test"), ("dev", "test")]
        pairs += [("train", "dev")] if fold.dev is None and spec.dev_unit == "speaker" else []
        _refuse_shared(fold.name, parts, "speaker", pairs)  # type: ignore[arg-type]
    seen = {name for one in ("train", "dev") for name in _shared(parts, "speaker", one, "test")}
    return Parts(
        fold.name,
        **parts,
        shared_speakers=tuple(sorted(seen)),
        num_unknown_speakers=sum(label.speaker is None for label in labels),
        drawn=fold.dev is None,
    )


def _drawn(spec: ProtocolSpec, fold: str, rest: Sequence[Label]) -> frozenset[str]:
    """Whole groups of speakers, or whole dialogues, that are about the share asked for.

    In a random order each is taken that exceeds the share by less than half of itself.
    """
    groups = (acquainted if spec.dev_unit == "speaker" else dialogues)(rest)
    if len(groups) < 2:
        raise ProjectError(
            f"fold {fold!r} leaves {len(groups)} group of speakers who share no dialogue for "
            "training and dev, which need one each; draw dev by dialogue (dev_unit: dialogue)"
        )
    wanted, drawn = spec.dev_share * len(rest), set[str]()
    for name in shuffled(groups, f"dev {fold}"):
        if len(drawn) + len(groups[name]) / 2 <= wanted:
            drawn.update(groups[name])
    smallest = min(groups.values(), key=len)
    drawn = drawn or set(smallest)
    if len(drawn) > len(rest) / 2:
        raise ProjectError(
            f"fold {fold!r} has no group of speakers who share no dialogue that is small enough "
            f"for dev: the smallest has {len(smallest)} of {len(rest)} utterances; draw dev by "
            "dialogue (dev_unit: dialogue)"
        )
    return frozenset(drawn)


def _refuse_shared(
    fold: str,
    parts: Mapping[Split, Sequence[Label]],
    field: Literal["speaker", "dialogue"],
    pairs: Sequence[tuple[Split, Split]],
) -> None:
    for one, other in pairs:
        shared = _shared(parts, field, one, other)
        if shared:
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            raise ProjectError(
                f"fold {fold!r} has the {field} {shared[0]!r}{more} in {one} and in {other}; what "
                f"is tested would be known from training. Cut the corpus so that a {field} is in "
                "one part"
            )


def _shared(
    parts: Mapping[Split, Sequence[Label]],
    field: Literal["speaker", "dialogue"],
    one: str,
    other: str,
) -> list[str]:
    sides = [{getattr(x, field) for x in parts[split]} for split in (one, other)]  # type: ignore[index]
    return sorted(sides[0] & sides[1] - {None})
