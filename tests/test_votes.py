"""Annotators' votes: counted by readers, learned from, and scored as scipy scores them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.metrics import log_loss

from app.corpora.counts import counts_of
from extract.corpora import crema_d, iemocap, msp_podcast, table
from extract.corpora._votes import counted, majority, most_voted
from features.errors import ProjectError
from features.manifest import Label, read_labels, write_records
from features.specs.tracks import LeafSpec
from tests.corpus_layouts import crema_d as write_crema_d
from tests.corpus_layouts import iemocap as write_iemocap
from tests.corpus_layouts import msp_podcast as write_msp_podcast
from tests.corpus_layouts import write_rows
from tests.head_world import head_spec, sixty_labels
from train.folds.label_facts import folds_of
from train.scoring.metrics import scores
from train.scoring.vote_measure import VoteMeasure
from train.tasks.emotion import Task

NAMES = ("anger", "joy", "sadness")
MEASURE = VoteMeasure("emotion", NAMES, "emotion")
VOTED = [
    Label("a", emotion="anger", emotion_votes={"anger": 3.0, "joy": 1.0}),
    Label("b", emotion="joy", emotion_votes={"joy": 5.0}),
    Label("c", emotion_votes={"anger": 2.0, "sadness": 2.0, "other": 4.0}),
    Label("d", emotion="sadness"),
]
FACTS = {"classes": list(NAMES), "counts": [1, 1, 1], "votes": True}


def test_shares_by_hand_and_votes_for_other_classes_left_out() -> None:
    truth = MEASURE.truth(VOTED)
    assert truth[:3].tolist() == [[0.75, 0.25, 0], [0, 1, 0], [0.5, 0, 0.5]]
    assert MEASURE.labelled(truth).tolist() == [True, True, True, False]


def test_where_most_votes_are_for_other_classes_there_are_none() -> None:
    assert np.isnan(MEASURE.truth([Label("x", emotion_votes={"joy": 1.0, "boredom": 2.0})])).all()


def test_votes_are_scored_where_every_split_has_some_and_learned_where_any_is() -> None:
    spec = head_spec()
    voted = [replace(x, emotion_votes={str(x.emotion): 2.0}) for x in sixty_labels()]
    ((_, facts),) = folds_of(spec, voted)
    assert facts["emotion"]["votes"]
    partly = [x if x.split == "train" else replace(x, emotion_votes=None) for x in voted]
    ((splits, facts),) = folds_of(spec, partly)
    assert "votes" not in facts["emotion"]
    # A vote without a label does not bring an utterance into a training that learns labels.
    tied = [replace(x, emotion=None) if x.id == "u0" else x for x in voted]
    ((splits, _),) = folds_of(spec, tied)
    assert len(splits.train) == 39
    learning = replace(spec, tasks={"emotion": LeafSpec("emotion", {"learn": "votes"})})
    ((splits, _),) = folds_of(learning, tied)
    assert len(splits.train) == 40
    with pytest.raises(ProjectError, match="learn is 'votes', but no train utterance"):
        folds_of(learning, sixty_labels())


def test_divergences_are_those_of_scipy_and_unlabelled_utterances_count_for_nothing() -> None:
    truth = MEASURE.truth(VOTED)
    predicted = np.random.default_rng(3).dirichlet(np.ones(3), 4)
    figures = scores(MEASURE, truth, predicted)
    pairs = list(zip(truth[:3], predicted[:3], strict=True))
    assert figures["kl"] == pytest.approx(np.mean([entropy(p, q) for p, q in pairs]))
    js = [jensenshannon(p, q) ** 2 for p, q in pairs]
    assert figures["jensen_shannon"] == pytest.approx(np.mean(js))
    perfect = scores(MEASURE, truth[:3], truth[:3])
    assert perfect == {"kl": pytest.approx(0, abs=1e-9), "jensen_shannon": pytest.approx(0)}


def test_a_prediction_survives_conversion_to_json() -> None:
    row = np.array([0.5, 0.25, 0.25])
    assert np.array_equal(MEASURE.from_json(MEASURE.as_json(row)), row)


def test_the_loss_of_votes_is_the_cross_entropy_that_scikit_learn_has() -> None:
    task = Task(4, FACTS, learn="votes")
    output = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    targets = task.targets(VOTED)
    # Without votes the label has all of them.
    assert targets[3].tolist() == [0, 0, 1]
    probabilities = output.softmax(dim=1).numpy()
    shares = targets.numpy()
    # Every share as one utterance of that class with that weight.
    expected = log_loss(
        np.tile(np.arange(3), 4), np.repeat(probabilities, 3, axis=0), sample_weight=shares.ravel()
    )
    assert float(task.loss(output, targets)) == pytest.approx(expected, rel=1e-5)


def test_certain_votes_are_learned_as_labels_are() -> None:
    labels = [
        Label(str(n), emotion=name, emotion_votes={name: 2.0}) for n, name in enumerate(NAMES)
    ]
    output = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
    losses = []
    for learn in ("labels", "votes"):
        facts = {**FACTS, "counts": [5, 2, 1]}
        task = Task(4, facts, learn=learn, class_weights="balanced", focal_gamma=2.0)  # type: ignore[arg-type]
        losses.append(float(task.loss(output, task.targets(labels))))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_an_utterance_with_neither_votes_nor_label_counts_for_nothing() -> None:
    task = Task(4, FACTS, learn="votes")
    output = torch.randn(5, 3)
    targets = task.targets([*VOTED, Label("e")])
    assert float(task.loss(output, targets)) == pytest.approx(
        float(task.loss(output[:4], targets[:4]))
    )
    assert float(task.loss(output[4:], targets[4:])) == 0


def test_the_majority_and_ties() -> None:
    assert majority({"anger": 2, "joy": 3}) == "joy"
    assert majority({"anger": 2, "joy": 2, "sad": 1}) is None
    assert most_voted({"joy": 2, "anger": 2, "sad": 1}) == ["anger", "joy"]
    assert majority(None) is None and majority({"anger": 0.0}) is None
    assert counted(["b", "a", "b"]) == {"a": 1.0, "b": 2.0} and counted([]) is None


def written(root: Path, rows: list[tuple[str, ...]]) -> Path:
    write_rows(root / "table.csv", rows)
    return root


class TestTable:
    def test_a_column_for_each_class(self, tmp_path: Path) -> None:
        rows = [("id", "text", "n_ang", "n_joy"), ("u1", "a", "3", "1"), ("u2", "b", "2", "2"),
                ("u3", "c", "", "")]  # fmt: skip
        notes: list[str] = []
        votes = {"anger": "n_ang", "joy": "n_joy"}
        root = written(tmp_path, rows)
        labels = [x for _, x in table.read(root, notes.append, file="table.csv", votes=votes)]
        assert [label.emotion for label in labels] == ["anger", None, None]
        assert [label.emotion_votes for label in labels] == [
            {"anger": 3, "joy": 1}, {"anger": 2, "joy": 2}, None,
        ]  # fmt: skip
        (line,) = [count for count in counts_of(labels) if "annotators' votes" in count]
        assert line == (
            "2 utterances have annotators' votes, 4.0 on average; the most votes are tied in 1 of "
            "them: anger = joy 1"
        )

    def test_repeated_labels_in_one_column_are_translated(self, tmp_path: Path) -> None:
        rows = [("id", "text", "all"), ("u1", "a", "ang;ang; hap"), ("u2", "b", "hap,xxx")]
        names = {"ang": "anger", "hap": "joy", "xxx": ""}
        root = written(tmp_path, rows)
        read = table.read(root, [].append, file="table.csv", votes="all", emotions=names)  # type: ignore[arg-type]
        assert [x.emotion_votes for _, x in read] == [{"anger": 2, "joy": 1}, {"joy": 1}]

    def test_an_emotion_of_its_own_stays(self, tmp_path: Path) -> None:
        rows = [("id", "text", "emotion", "all"), ("u1", "a", "joy", "anger anger")]
        read = table.read(written(tmp_path, rows), [].append, file="table.csv", votes="all")  # type: ignore[arg-type]
        assert [x.emotion for _, x in read] == ["joy"]

    def test_labels_of_several_words_stay_whole(self, tmp_path: Path) -> None:
        rows = [("id", "text", "all"), ("u1", "a", "neutral state; angry;neutral state")]
        read = table.read(written(tmp_path, rows), [].append, file="table.csv", votes="all")  # type: ignore[arg-type]
        assert [x.emotion_votes for _, x in read] == [{"angry": 1, "neutral state": 2}]

    def test_a_row_that_says_it_has_no_emotion_gets_none_by_majority(self, tmp_path: Path) -> None:
        rows = [("id", "text", "emotion", "all"), ("u1", "a", "xxx", "joy joy")]
        root, names = written(tmp_path, rows), {"xxx": "", "joy": "joy"}
        read = table.read(root, [].append, file="table.csv", votes="all", emotions=names)  # type: ignore[arg-type]
        assert [x.emotion for _, x in read] == [None]

    @pytest.mark.parametrize(
        ("votes", "cell", "message"),
        [
            ({"anger": "n_agn"}, "1", "has no column 'n_agn'.*Did you mean 'n_ang'"),
            ({"anger": "n_ang"}, "-1", "n_ang is '-1'; it must be a number of votes, 0 or more"),
            ({"anger": "n_ang"}, "many", "n_ang is 'many'; it must be a number"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, votes: dict[str, str], cell: str, message: str, tmp_path: Path
    ) -> None:
        root = written(tmp_path, [("id", "text", "n_ang"), ("u1", "a", cell)])
        with pytest.raises(ProjectError, match=message):
            list(table.read(root, [].append, file="table.csv", votes=votes))  # type: ignore[arg-type]


def test_evaluators_of_iemocap_vote_and_actors_do_not(tmp_path: Path) -> None:
    write_iemocap(tmp_path)
    file = next(tmp_path.glob("Session1/dialog/EmoEvaluation/Ses*.txt"))
    lines = file.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if "M000" in line)
    lines[place + 1 : place + 2] = [
        "C-E2:\tHappiness; Excited;\t()", "C-E4:\tAnger;\t()", "C-E5:\tOther;\t(amused)",
        "C-M1:\tSadness;\t()", "A-E2:\tval 3; act 2; dom  2;\t()",
    ]  # fmt: skip
    file.write_text("\n".join(lines))
    labels = {x.id: x for _, x in iemocap.read(tmp_path, [].append)}  # type: ignore[arg-type]
    # Of four classes excited is happy, and one evaluator has one vote for it.
    assert labels["Ses01F_impro01_M000"].emotion_votes == {"angry": 1, "happy": 1, "other": 1}
    assert labels["Ses01F_impro01_F000"].emotion_votes == {"neutral": 1}


def test_raters_of_crema_d_vote_on_what_they_saw(tmp_path: Path) -> None:
    write_crema_d(tmp_path)
    rows = [("localid", "queryType", "clipName", "respEmo")]
    rows += [("1", "1", "1001_IEO_ANG_LO", "N"), ("2", "3", "1001_IEO_ANG_LO", "A")]
    rows += [("3", "3", "1001_IEO_ANG_LO", "A"), ("4", "3", "1001_IEO_ANG_LO", "D")]
    write_rows(tmp_path / "finishedResponses.csv", rows)

    def votes(ratings: str) -> dict[str, object]:
        read = crema_d.read(tmp_path, [].append, ratings=ratings)  # type: ignore[arg-type]
        return {x.id: x.emotion_votes for _, x in read}

    assert votes("audio-visual")["1001_IEO_ANG_LO"] == {"anger": 2, "disgust": 1}
    assert votes("voice")["1001_IEO_ANG_LO"] == {"neutral": 1}
    assert votes("voice")["1001_MTI_NEU_XX"] is None
    write_rows(tmp_path / "finishedResponses.csv", [*rows, ("5", "3", "1001_IEO_ANG_LO", "Q")])
    with pytest.raises(ProjectError, match="respEmo is 'Q'; it must be one of 'A', 'D'"):
        votes("audio-visual")


def test_workers_of_msp_podcast_vote(tmp_path: Path) -> None:
    write_msp_podcast(tmp_path)
    name = "MSP-PODCAST_0001_0001.wav"
    rows = [("FileName", "Worker", "EmoClass_Major"), (name, "1", "Angry"), (name, "2", "Disgust"),
            (name, "3", "Other-annoyed"), (name, "4", "Angry")]  # fmt: skip
    write_rows(tmp_path / "Labels" / "labels_detailed.csv", rows)
    read = msp_podcast.read(tmp_path, [].append, release="2.0")  # type: ignore[arg-type]
    labels = [x for _, x in read]
    assert labels[0].emotion_votes == {"angry": 2, "disgust": 1, "other": 1}
    assert labels[1].emotion_votes is None


def test_votes_survive_the_file_of_labels(tmp_path: Path) -> None:
    write_records(tmp_path / "labels.jsonl", VOTED)
    assert read_labels(tmp_path / "labels.jsonl") == VOTED
