"""How corpora are split: conformance of every protocol, dev sets, and leaks that are refused."""

import inspect
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from features.errors import ProjectError
from features.leaves import leaf_names, leaf_parameters, load_leaf
from features.manifest import SPLITS, Label
from features.specs.heads import ProtocolSpec
from features.specs.tracks import LeafSpec
from train.folds.split import Splits, split_corpus

NAMES = leaf_names("train/protocols")
# Settings of protocols whose defaults do not suit the corpus below.
SETTINGS: dict[str, dict[str, Any]] = {
    "speaker-folds": {"num_folds": 4},
    "fold-column": {"column": "mine"},
}


FOLDER = "train/protocols"
# Protocols under which every utterance is tested.
TESTS_ALL = ("leave-one-session-out", "leave-one-speaker-out", "speaker-folds", "fold-column")


def settings_of(code: str) -> dict[str, Any]:
    """All settings of a protocol, defaults filled in."""
    defaults = {p.name: p.default for p in leaf_parameters("train/protocols", code, "folds")}
    return {**defaults, **SETTINGS.get(code, {})}


def spec(code: str, **dev: object) -> ProtocolSpec:
    return ProtocolSpec(LeafSpec(code, settings_of(code)), **dev)  # type: ignore[arg-type]


def corpus(dialogues: bool = False) -> list[Label]:
    """Six sessions of two speakers with ten utterances each, who may share dialogues."""
    labels = []
    for number in range(120):
        session, speaker = number // 20, number // 10
        labels.append(
            Label(
                f"u{number}",
                split=("train", "train", "train", "train", "dev", "test")[session],  # type: ignore[arg-type]
                speaker=f"s{speaker}",
                session=f"session-{session}",
                dialogue=f"d{session}-{number % 5}" if dialogues else None,
                folds={"mine": str(session % 3)},
                emotion=("joy", "anger")[number % 2],
            )
        )
    return labels


def split_all(code: str, labels: list[Label], **dev: object) -> list[Splits]:
    return split_corpus(spec(code, **dev), labels, "params.yaml: heads.main")


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_those_of_the_function(name: str) -> None:
    parameters = inspect.signature(load_leaf("train/protocols", name).folds).parameters.values()
    own = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert [p.name for p in leaf_parameters("train/protocols", name, "folds")] == own


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_disjoint_and_cover_the_corpus(name: str) -> None:
    labels = corpus()
    folds = split_all(name, labels)
    for splits in folds:
        ids = [label.id for split in SPLITS for label in splits[split]]
        assert sorted(ids) == sorted(label.id for label in labels)
        for chosen in (splits[split] for split in SPLITS):
            assert chosen == [label for label in labels if label in chosen]  # manifest order
    tested = Counter(label.id for splits in folds for label in splits.test)
    assert set(tested.values()) == {1}
    assert name not in TESTS_ALL or set(tested) == {label.id for label in labels}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_corpus_is_split_in_the_same_way(name: str) -> None:
    assert split_all(name, corpus()) == split_all(name, corpus())


@pytest.mark.parametrize("name", [n for n in NAMES if load_leaf(FOLDER, n).SPEAKER_DISJOINT])
def test_speakers_are_never_in_two_splits(name: str) -> None:
    for splits in split_all(name, corpus()):
        train, dev, test = ({x.speaker for x in splits[split]} for split in SPLITS)
        assert not train & dev and not train & test and not dev & test
        assert splits.shared_speakers == ()


@pytest.mark.parametrize("name", ["leave-one-session-out", "speaker-folds", "fold-column"])
@pytest.mark.parametrize("unit", ["speaker", "dialogue"])
def test_dialogues_are_never_in_two_splits(name: str, unit: str) -> None:
    for splits in split_all(name, corpus(dialogues=True), dev_unit=unit):
        train, dev, test = ({x.dialogue for x in splits[split]} for split in SPLITS)
        assert not train & dev and not train & test and not dev & test


@pytest.mark.parametrize("name", NAMES)
def test_labels_do_not_decide_the_splits(name: str) -> None:
    labels = corpus()
    changed = [replace(label, emotion="fear") for label in labels]
    ids = [[x.id for x in splits.dev] for splits in split_all(name, labels)]
    assert ids == [[x.id for x in splits.dev] for splits in split_all(name, changed)]


def test_a_dialogue_in_two_splits_is_refused_by_name() -> None:
    with pytest.raises(
        ProjectError, match=r"heads\.main, protocol 'leave-one-speaker-out': fold"
    ) as error:
        split_all("leave-one-speaker-out", corpus(dialogues=True))
    assert "has the dialogue 'd0-0' and 4 more in train and in test" in str(error.value).replace(
        "in dev and in test", "in train and in test"
    )


def test_a_speaker_in_two_splits_is_refused_by_name() -> None:
    labels = corpus()
    labels[-1] = replace(labels[-1], speaker="s0")
    with pytest.raises(ProjectError, match="has the speaker 's0' in (train|dev) and in test"):
        split_all("fold-column", labels)


def test_official_splits_may_share_speakers_and_name_them() -> None:
    labels = corpus()
    labels[-1] = replace(labels[-1], speaker="s0")
    (splits,) = split_all("official", labels)
    assert splits.shared_speakers == ("s0",) and not splits.dev_drawn


def test_a_corpus_without_official_splits_is_refused() -> None:
    labels = [replace(label, split=None) for label in corpus()]
    with pytest.raises(ProjectError, match="defines no split for 120 of 120 utterances"):
        split_all("official", labels)


def test_without_an_official_dev_set_one_is_drawn_from_training() -> None:
    labels = [replace(x, split="train" if x.split == "dev" else x.split) for x in corpus()]
    (splits,) = split_all("official", labels, dev_share=0.3)
    assert splits.dev_drawn and len(splits.dev) == 30
    assert {x.split for x in splits.dev} == {"train"}
    assert not {x.speaker for x in splits.dev} & {x.speaker for x in splits.train}


def test_the_dev_set_has_about_the_given_share() -> None:
    for splits in split_all("leave-one-session-out", corpus(), dev_share=0.25):
        assert 20 <= len(splits.dev) <= 30


def test_a_corpus_with_one_group_of_speakers_needs_dev_by_dialogue() -> None:
    labels = [replace(label, speaker="s0") for label in corpus()]
    no_dev = [replace(x, split="train" if x.split == "dev" else x.split) for x in labels]
    with pytest.raises(ProjectError, match=r"draw dev by dialogue \(dev_unit: dialogue\)"):
        split_all("official", no_dev)
    (splits,) = split_all("official", no_dev, dev_unit="dialogue")
    assert 15 <= len(splits.dev) <= 25


def test_a_large_group_of_speakers_never_becomes_dev() -> None:
    for name in "abcdefgh":
        speakers = [name if n < 90 else name * 2 for n in range(100)]
        labels = [Label(f"{n}", "train", speaker=speaker) for n, speaker in enumerate(speakers)]
        labels.append(Label("t", "test", speaker="t"))
        (splits,) = split_all("official", labels)
        assert len(splits.dev) == 10
    equal = [Label(str(n), "train", speaker=str(n % 2)) for n in range(10)]
    equal += [Label("s", "train", speaker="0"), Label("t", "test", speaker="t")]
    (splits,) = split_all("official", equal)
    assert len(splits.dev) == 5


def test_utterances_without_a_speaker_are_counted() -> None:
    labels = [replace(x, speaker=None) if x.id in ("u3", "u4") else x for x in corpus()]
    assert {splits.num_unknown_speakers for splits in split_all("fold-column", labels)} == {2}


def test_speaker_folds_are_of_about_equal_size() -> None:
    sizes = [len(splits.test) for splits in split_all("speaker-folds", corpus())]
    assert sizes == [30] * 4


def test_more_folds_than_groups_of_speakers_are_refused() -> None:
    with pytest.raises(ProjectError, match="num_folds is 7, but the corpus has 6 groups"):
        many = ProtocolSpec(LeafSpec("speaker-folds", {"num_folds": 7, "seed": 0}))
        split_corpus(many, corpus(dialogues=True), "x")


@pytest.mark.parametrize(
    ("code", "field"), [("leave-one-speaker-out", "speaker"), ("leave-one-session-out", "session")]
)
def test_an_utterance_without_the_field_of_the_protocol_is_named(code: str, field: str) -> None:
    labels = corpus()
    labels[3] = replace(labels[3], **{field: None})
    with pytest.raises(ProjectError, match=f"1 of 120 utterances have no {field}.*'u3'"):
        split_all(code, labels)


def test_a_column_that_does_not_exist_is_refused_with_the_nearest() -> None:
    wrong = ProtocolSpec(LeafSpec("fold-column", {"column": "min"}))
    with pytest.raises(ProjectError, match=r"no column of folds 'min'.*Did you mean 'mine'\?"):
        split_corpus(wrong, corpus(), "x")


def test_an_utterance_without_a_fold_is_named() -> None:
    labels = corpus()
    labels[3] = replace(labels[3], folds={})
    with pytest.raises(ProjectError, match="has no value for 1 utterances.*'u3'"):
        split_all("fold-column", labels)


def test_an_empty_split_is_refused() -> None:
    labels = [x for x in corpus() if x.split != "test"]
    with pytest.raises(ProjectError, match="fold 'official' has no utterance in test"):
        split_all("official", labels)
