"""Cuts a corpus into the splits of each fold, and refuses what would leak between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, cast

from features.errors import ProjectError, and_more
from features.leaves import load_leaf
from features.manifest import SPLITS, Label, Split
from features.specs.heads import ProtocolSpec
from train.data.order import in_order
from train.folds.copies import refuse_copies, refuse_two_speakers
from train.folds.fold import Fold, SplitProtocol
from train.folds.grouping import dialogue_groups, in_random_order, speaker_groups


@dataclass(frozen=True)
class Splits:
    """The labels of one fold's training, dev and test split, each in manifest order.

    `shared_speakers` are the speakers of the test set who are also in training or dev: none where
    the protocol keeps speakers apart, as far as speakers are known (`num_unknown_speakers`
    utterances have none). `dev_drawn` says whether dev was drawn or is the corpus's own.
    """

    fold: str
    train: list[Label]
    dev: list[Label]
    test: list[Label]
    shared_speakers: tuple[str, ...]
    num_unknown_speakers: int
    dev_drawn: bool

    def __getitem__(self, split: Split) -> list[Label]:
        labels: list[Label] = getattr(self, split)
        return labels


def with_labels(splits: Splits, names: Sequence[str], whole: bool) -> Splits:
    """The same splits, without the training utterances that have none of these labels.

    They would teach nothing, and a curriculum would begin with nothing but them. In `whole`
    dialogues they are context: only dialogues without any label are left out.
    """
    labels = splits.train
    kept = {n for n, x in enumerate(labels) if any(getattr(x, name) is not None for name in names)}
    if whole:
        kept = {n for group in in_order(labels) if kept & set(group) for n in group}
    return replace(splits, train=[label for n, label in enumerate(labels) if n in kept])


def split_corpus(spec: ProtocolSpec, labels: Sequence[Label], where: str) -> list[Splits]:
    """The splits of every fold; `where` names the head in messages.

    Raises ProjectError for an empty split, a dialogue or the copies of a recording in two splits of
    a fold, and, where the protocol keeps speakers apart, a speaker in two splits or a recording of
    two speakers.
    """
    protocol = cast(SplitProtocol, load_leaf("train/protocols", spec.leaf.code))
    try:
        if protocol.SPEAKER_DISJOINT:
            refuse_two_speakers(labels)
        folds = protocol.folds(labels, **spec.leaf.options)
        return [_splits(spec, fold, labels, protocol.SPEAKER_DISJOINT) for fold in folds]
    except ProjectError as error:
        raise ProjectError(f"{where}, protocol {spec.leaf.code!r}: {error}") from None


def _splits(spec: ProtocolSpec, fold: Fold, labels: Sequence[Label], disjoint: bool) -> Splits:
    rest = [label for label in labels if label.id not in fold.test]
    dev = _drawn(spec, fold.name, rest) if fold.dev is None else fold.dev
    splits: dict[Split, list[Label]] = {
        "train": [label for label in rest if label.id not in dev],
        "dev": [label for label in rest if label.id in dev],
        "test": [label for label in labels if label.id in fold.test],
    }
    empty = [split for split in SPLITS if not splits[split]]
    if empty:
        raise ProjectError(
            f"fold {fold.name!r} has no utterance in {' and '.join(empty)}; training needs all of "
            f"{', '.join(SPLITS)}"
        )
    _refuse_shared(fold.name, splits, "dialogue", list(combinations(SPLITS, 2)))
    refuse_copies(fold.name, splits)
    if disjoint:
        pairs: list[tuple[Split, Split]] = [("train", "test"), ("dev", "test")]
        pairs += [("train", "dev")] if fold.dev is None and spec.dev_unit == "speaker" else []
        _refuse_shared(fold.name, splits, "speaker", pairs)
    sides: tuple[Split, ...] = ("train", "dev")
    shared = {name for side in sides for name in _shared(splits, "speaker", side, "test")}
    return Splits(
        fold.name,
        **splits,
        shared_speakers=tuple(sorted(shared)),
        num_unknown_speakers=sum(label.speaker is None for label in labels),
        dev_drawn=fold.dev is None,
    )


def _drawn(spec: ProtocolSpec, fold: str, rest: Sequence[Label]) -> frozenset[str]:
    """Whole groups of speakers, or whole dialogues, that make about `dev_share` of the rest.

    They are visited in a random order; each is taken that exceeds the share by at most half of its
    size.
    """
    groups = (speaker_groups if spec.dev_unit == "speaker" else dialogue_groups)(rest)
    if len(groups) < 2:
        raise ProjectError(
            f"fold {fold!r} leaves only {len(groups)} group of speakers who share no dialogue for "
            "training and dev, which need one each; draw dev by dialogue (dev_unit: dialogue)"
        )
    size, drawn = spec.dev_share * len(rest), set[str]()
    for name in in_random_order(groups, f"dev {fold}"):
        if len(drawn) + len(groups[name]) / 2 <= size:
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
    splits: Mapping[Split, Sequence[Label]],
    field: Literal["speaker", "dialogue"],
    pairs: Sequence[tuple[Split, Split]],
) -> None:
    for one, other in pairs:
        if shared := _shared(splits, field, one, other):
            names = and_more([repr(name) for name in shared], 1)
            raise ProjectError(
                f"fold {fold!r} has the {field} {names} in {one} and in {other}, so "
                f"the test would not be independent. Split the corpus so that each {field} "
                "is in one split"
            )


def _shared(
    splits: Mapping[Split, Sequence[Label]],
    field: Literal["speaker", "dialogue"],
    one: Split,
    other: Split,
) -> list[str]:
    """The speakers or dialogues that two splits have in common."""
    sides = [{getattr(label, field) for label in splits[split]} for split in (one, other)]
    return sorted(sides[0] & sides[1] - {None})
