"""How corpora are cut: conformance of every protocol, dev parts, and leaks that are refused."""

import inspect
from collections import Counter
from dataclasses import replace

import pytest

from features.errors import ProjectError
from features.leaves import leaf_names, leaf_parameters, load_leaf
from features.manifest import Label
from features.specs.heads import ProtocolSpec
from features.specs.tracks import LeafSpec
from train.folds.split import Parts, cut

NAMES = leaf_names("train/protocols")
# Settings under which each protocol is tested; a new one has to name its own.
SETTINGS = {
    "official": {},
    "leave-one-session-out": {},
    "leave-one-speaker-out": {},
    "speaker-folds": {"num_folds": 4, "seed": 0},
    "fold-column": {"column": "mine"},
}


def spec(code: str, **drawn: object) -> ProtocolSpec:
    return ProtocolSpec(LeafSpec(code, SETTINGS[code]), **drawn)  # type: ignore[arg-type]


def corpus(talking: bool = False) -> list[Label]:
    """Six sessions of two speakers, ten utterances each; pairs talk to each other where told."""
    found = []
    for number in range(120):
        session, speaker = number // 20, number // 10
        found.append(
            Label(
                f"u{number}",
                split=("train", "train", "train", "train", "dev", "test")[session],  # type: ignore[arg-type]
                speaker=f"s{speaker}",
                session=f"session-{session}",
                dialogue=f"d{session}-{number % 5}" if talking else None,
                folds={"mine": str(session % 3)},
                emotion=("joy", "anger")[number % 2],
            )
        )
    return found


def cut_all(code: str, labels: list[Label], **drawn: object) -> list[Parts]:
    return cut(spec(code, **drawn), labels, "params.yaml: heads.main")


def test_every_protocol_has_settings_here() -> None:
    assert set(SETTINGS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_those_of_the_function(name: str) -> None:
    parameters = inspect.signature(load_leaf("train/protocols", name).folds).parameters.values()
    own = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert [p.name for p in leaf_parameters("train/protocols", name, "folds")] == own


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_disjoint_and_whole(name: str) -> None:
    labels = corpus()
    found = cut_all(name, labels)
    for parts in found:
        ids = [label.id for split in ("train", "dev", "test") for label in parts[split]]
        assert sorted(ids) == sorted(label.id for label in labels)
        for part in (parts.train, parts.dev, parts.test):
            assert part == [label for label in labels if label in part]  # manifest order
    tested = Counter(label.id for parts in found for label in parts.test)
    assert set(tested.values()) == {1}
    assert name == "official" or set(tested) == {label.id for label in labels}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_corpus_is_cut_in_the_same_way(name: str) -> None:
    assert cut_all(name, corpus()) == cut_all(name, corpus())


@pytest.mark.parametrize("name", [n for n in NAMES if n != "official"])
def test_speakers_are_never_on_two_sides(name: str) -> None:
    for parts in cut_all(name, corpus()):
        sides = [{x.speaker for x in part} for part in (parts.train, parts.dev, parts.test)]
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
        assert parts.shared_speakers == ()


@pytest.mark.parametrize("name", ["leave-one-session-out", "speaker-folds", "fold-column"])
@pytest.mark.parametrize("unit", ["speaker", "dialogue"])
def test_dialogues_are_never_on_two_sides(name: str, unit: str) -> None:
    for parts in cut_all(name, corpus(talking=True), dev_unit=unit):
        sides = [{x.dialogue for x in part} for part in (parts.train, parts.dev, parts.test)]
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]


@pytest.mark.parametrize("name", NAMES)
def test_test_labels_decide_no_part(name: str) -> None:
    labels = corpus()
    odd = [replace(label, emotion="fear") for label in labels]
    ids = [[x.id for x in parts.dev] for parts in cut_all(name, labels)]
    assert ids == [[x.id for x in parts.dev] for parts in cut_all(name, odd)]


def test_a_dialogue_on_both_sides_is_refused_by_name() -> None:
    with pytest.raises(
        ProjectError, match=r"heads\.main, protocol 'leave-one-speaker-out': fold"
    ) as e:
        cut_all("leave-one-speaker-out", corpus(talking=True))
    assert "has the dialogue 'd0-0' and 4 more in train and in test" in str(e.value).replace(
        "in dev and in test", "in train and in test"
    )


def test_a_speaker_on_both_sides_is_refused_by_name() -> None:
    labels = corpus()
    labels[-1] = replace(labels[-1], speaker="s0")
    with pytest.raises(ProjectError, match="has the speaker 's0' in (train|dev) and in test"):
        cut_all("fold-column", labels)


def test_the_official_parts_may_share_speakers_and_say_so() -> None:
    labels = corpus()
    labels[-1] = replace(labels[-1], speaker="s0")
    (parts,) = cut_all("official", labels)
    assert parts.shared_speakers == ("s0",) and not parts.drawn


def test_without_official_parts_another_protocol_is_asked_for() -> None:
    labels = [replace(label, split=None) for label in corpus()]
    with pytest.raises(ProjectError, match="names no part for 120 of 120 utterances"):
        cut_all("official", labels)


def test_without_an_official_dev_part_one_is_drawn_from_training() -> None:
    labels = [replace(x, split="train" if x.split == "dev" else x.split) for x in corpus()]
    (parts,) = cut_all("official", labels, dev_share=0.3)
    assert parts.drawn and len(parts.dev) == 30
    assert {x.split for x in parts.dev} == {"train"}
    assert not {x.speaker for x in parts.dev} & {x.speaker for x in parts.train}


def test_the_share_of_dev_is_about_what_was_asked_for() -> None:
    for parts in cut_all("leave-one-session-out", corpus(), dev_share=0.25):
        assert 20 <= len(parts.dev) <= 30


def test_a_corpus_of_one_circle_of_friends_needs_dev_by_dialogue() -> None:
    labels = [replace(label, speaker="s0") for label in corpus()]
    no_dev = [replace(x, split="train" if x.split == "dev" else x.split) for x in labels]
    with pytest.raises(ProjectError, match=r"draw dev by dialogue \(dev_unit: dialogue\)"):
        cut_all("official", no_dev)
    (parts,) = cut_all("official", no_dev, dev_unit="dialogue")
    assert 15 <= len(parts.dev) <= 25


def test_a_large_circle_never_becomes_dev() -> None:
    for name in "abcdefgh":
        names = [name if n < 90 else name * 2 for n in range(100)]
        labels = [Label(f"{n}", "train", speaker=who) for n, who in enumerate(names)]
        labels.append(Label("t", "test", speaker="t"))
        (parts,) = cut_all("official", labels)
        assert len(parts.dev) == 10
    alike = [Label(str(n), "train", speaker=str(n % 2)) for n in range(10)]
    alike += [Label("s", "train", speaker="0"), Label("t", "test", speaker="t")]
    (parts,) = cut_all("official", alike)
    assert len(parts.dev) == 5


def test_utterances_without_a_speaker_are_counted() -> None:
    labels = [replace(x, speaker=None) if x.id in ("u3", "u4") else x for x in corpus()]
    assert {parts.num_unknown_speakers for parts in cut_all("fold-column", labels)} == {2}


def test_speaker_folds_are_of_about_equal_size() -> None:
    sizes = [len(parts.test) for parts in cut_all("speaker-folds", corpus())]
    assert sizes == [30] * 4


def test_more_folds_than_groups_of_speakers_are_refused() -> None:
    with pytest.raises(ProjectError, match="num_folds is 7, and the corpus has 6 groups"):
        many = ProtocolSpec(LeafSpec("speaker-folds", {"num_folds": 7, "seed": 0}))
        cut(many, corpus(talking=True), "x")


@pytest.mark.parametrize(
    ("code", "field"), [("leave-one-speaker-out", "speaker"), ("leave-one-session-out", "session")]
)
def test_an_utterance_without_what_the_protocol_goes_by_is_named(code: str, field: str) -> None:
    labels = corpus()
    labels[3] = replace(labels[3], **{field: None})
    with pytest.raises(ProjectError, match=f"1 of 120 utterances have no {field}.*'u3'"):
        cut_all(code, labels)


def test_a_column_that_does_not_exist_suggests_the_nearest() -> None:
    wrong = ProtocolSpec(LeafSpec("fold-column", {"column": "min"}))
    with pytest.raises(ProjectError, match=r"no column of folds 'min'.*Did you mean 'mine'\?"):
        cut(wrong, corpus(), "x")


def test_an_utterance_without_a_fold_is_named() -> None:
    labels = corpus()
    labels[3] = replace(labels[3], folds={})
    with pytest.raises(ProjectError, match="says nothing of 1 utterances.*'u3'"):
        cut_all("fold-column", labels)


def test_an_empty_part_is_refused() -> None:
    labels = [x for x in corpus() if x.split != "test"]
    with pytest.raises(ProjectError, match="fold 'official' has no utterance in test"):
        cut_all("official", labels)
