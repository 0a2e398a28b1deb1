"""Datasets, metrics and the training loop."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score

from features.errors import ProjectError
from features.manifest import Label
from features.params import load_params
from features.specs import HeadSpec
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store
from tests.conftest import ROOT
from train.dataset import Dataset, StoredTracks, Tracks, load_dataset
from train.fit import Part, bucketed, evaluation_batch, fit, predict
from train.masking import zero_padding
from train.metrics import class_scores, confusion, majority_scores, over_seeds
from train.protocol import official
from train.run import run_head, task_facts
from train.scoring import part_scores

CLASSES = ("anger", "joy")


@pytest.fixture
def spec() -> HeadSpec:
    base = load_params(ROOT / "recipes" / "demo.yaml").heads["text"]
    training = replace(base.training, seeds=[0, 1], epochs=6, batch_size=8, lr=0.01)
    return replace(base, name="test", dim=16, training=training)


@pytest.fixture
def labels() -> list[Label]:
    splits = ["train"] * 40 + ["dev"] * 10 + ["test"] * 10
    return [Label(f"u{n}", s, emotion=CLASSES[n % 2]) for n, s in enumerate(splits)]  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path, labels: list[Label]) -> Store:
    """Tracks of 0 to 4 steps whose first value tells the class."""
    random = np.random.default_rng(0)
    lengths = tuple(int(n) for n in random.integers(1, 5, len(labels)))[:-1] + (0,)
    values = random.normal(size=(2, sum(lengths), 6)).astype(np.float16)
    at = 0
    for length, label in zip(lengths, labels, strict=True):
        values[:, at : at + length, 0] += 4 if label.emotion == "joy" else -4
        at += length
    pool = Pool(tmp_path / "pool")
    part = pool.add(
        values,
        key="k1",
        ids=tuple(x.id for x in labels),
        inputs=("",) * 60,
        lengths=lengths,
        reasons=("ok",) * 59 + ("missing",),
        spans=None,
        made_with={},
    )
    header = Header("r", {"code": "x"}, "text", 6, (1, 2), "float16")
    publish(tmp_path / "s.zarr", header, [part], pool)
    return Store(tmp_path / "s.zarr")


def parts(labels: list[Label], store: Store) -> dict[str, Part]:
    return {
        split: Part(load_dataset({"text": store}, [x.id for x in part]), part)
        for split, part in official(labels).items()
    }


class TestDataset:
    def test_gathering_pads_to_the_longest_and_masks_the_rest(self) -> None:
        tracks = Tracks(torch.arange(12.0).reshape(6, 1, 2).half(), torch.tensor([1, 0, 3, 2]))
        padded = tracks.gather(torch.tensor([3, 1, 0]))
        assert padded.values.shape == (3, 2, 1, 2) and padded.values.dtype == torch.float32
        assert padded.mask.tolist() == [[True, True], [False, False], [True, False]]
        assert padded.values[0, :, 0].tolist() == [[8, 9], [10, 11]]
        assert padded.values[2, 0, 0].tolist() == [0, 1]

    def test_a_batch_without_any_step_has_one_masked_step(self) -> None:
        padded = Tracks(torch.zeros(0, 1, 2).half(), torch.tensor([0, 0])).gather(
            torch.tensor([0, 1])
        )
        assert padded.values.shape == (2, 1, 1, 2) and not padded.mask.any()

    def test_stores_are_joined_by_id_in_the_order_asked_for(self, store: Store) -> None:
        dataset = load_dataset({"text": store}, ["u7", "u3"])
        expected = np.concatenate([store.track(7), store.track(3)], axis=1)
        assert np.array_equal(dataset.tracks["text"].values.transpose(0, 1).numpy(), expected)

    def test_tracks_that_stay_on_disk_say_the_same(
        self, store: Store, labels: list[Label], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = [label.id for label in labels][::-1]
        resident = load_dataset({"text": store}, ids).tracks["text"]
        monkeypatch.setattr("train.dataset.RESIDENT_BYTES", 0)
        monkeypatch.setattr("train.dataset.BLOCK_VALUES", 30)
        stored = load_dataset({"text": store}, ids).tracks["text"]
        assert isinstance(stored, StoredTracks) and stored.shape == resident.shape == (2, 6)
        for rows in (torch.tensor([3, 0, 59]), torch.tensor([0])):  # the first has no track
            one, other = resident.gather(rows), stored.gather(rows)
            assert torch.equal(one.mask, other.mask)
            assert torch.equal(zero_padding(one).values, zero_padding(other).values)
        for one, other in zip(resident.moments(), stored.moments(), strict=True):
            assert torch.allclose(one, other, rtol=1e-6)

    def test_training_is_the_same_from_memory_and_from_disk(
        self, spec: HeadSpec, labels: list[Label], store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def curve() -> list[dict[str, float | int]]:
            made = parts(labels, store)
            facts = task_facts(spec, {split: part.labels for split, part in made.items()})
            return fit(spec, facts, made["train"], made["dev"], 0).epochs

        resident = curve()
        monkeypatch.setattr("train.dataset.RESIDENT_BYTES", 0)
        assert [pytest.approx(epoch) for epoch in curve()] == resident

    def test_batches_of_evaluation_are_bounded(self, store: Store) -> None:
        dataset = load_dataset({"text": store}, [f"u{n}" for n in range(60)])
        longest = int(dataset.tracks["text"].lengths.max())
        assert evaluation_batch(dataset) == 256
        wide = Dataset(
            dataset.ids, {"text": Tracks(torch.zeros(1).expand(9, 3, 2**22), torch.tensor([5, 4]))}
        )
        assert longest == 4 and evaluation_batch(wide) == 1

    def test_an_unknown_utterance_is_named(self, store: Store) -> None:
        with pytest.raises(ProjectError, match="does not know the utterance 'nobody'"):
            load_dataset({"text": store}, ["u1", "nobody"])


class TestMetrics:
    truth = ["a", "a", "a", "b", "c", "c"]
    guess = ["a", "a", "b", "b", "a", "a"]

    def test_they_equal_values_worked_out_by_hand(self) -> None:
        # F1: a 2*2/(3+4) = 4/7, b 2*1/(1+2) = 2/3, c 0; recalls 2/3, 1, 0
        assert class_scores(self.truth, self.guess) == pytest.approx(
            {
                "weighted_f1": (3 * 4 / 7 + 2 / 3) / 6,
                "macro_f1": (4 / 7 + 2 / 3) / 3,
                "unweighted_accuracy": (2 / 3 + 1) / 3,
                "accuracy": 0.5,
            }
        )

    def test_they_equal_scikit_learn_on_random_data(self) -> None:
        random = np.random.default_rng(0)
        truth, guess = random.choice(list("abcd"), (2, 300))
        scores = class_scores(list(truth), list(guess))
        assert scores["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
        assert scores["weighted_f1"] == pytest.approx(f1_score(truth, guess, average="weighted"))
        assert scores["unweighted_accuracy"] == pytest.approx(balanced_accuracy_score(truth, guess))

    def test_a_class_that_is_not_in_the_truth_is_only_a_mistake(self) -> None:
        assert class_scores(["a", "a"], ["a", "z"])["unweighted_accuracy"] == 0.5

    def test_the_baseline_is_the_commonest_training_class(self) -> None:
        assert majority_scores(["x", "a", "a"], ["a", "x"])["accuracy"] == 0.5

    def test_seeds_are_summarised_with_the_sample_deviation(self) -> None:
        summary = over_seeds([{"accuracy": 0.4}, {"accuracy": 0.6}])
        assert summary["accuracy"]["mean"] == pytest.approx(0.5)
        assert summary["accuracy"]["std"] == pytest.approx(0.1 * 2**0.5)
        assert over_seeds([{"accuracy": 0.4}])["accuracy"]["std"] == 0.0

    def test_rows_of_the_confusion_matrix_are_the_truth(self) -> None:
        pairs = list(zip(self.truth, self.guess, strict=True))
        assert confusion(pairs, ["a", "b", "c"]) == [[2, 1, 0], [0, 1, 0], [2, 0, 0]]


class TestFit:
    def test_batches_hold_every_row_once_and_similar_costs(self) -> None:
        costs = torch.randint(1, 100, (300,))
        shuffle = torch.Generator().manual_seed(0)
        batches = bucketed(costs, 10, shuffle)
        assert sorted(torch.cat(batches).tolist()) == list(range(300))
        spread = torch.stack([(costs[b].max() - costs[b].min()).float() for b in batches]).mean()
        assert float(spread) < 40
        assert not torch.equal(batches[0], bucketed(costs, 10, shuffle)[0])

    @pytest.mark.parametrize("schedule", ["constant", "one-cycle", "plateau"])
    def test_a_clear_difference_is_learned(
        self, spec: HeadSpec, labels: list[Label], store: Store, schedule: str
    ) -> None:
        spec = replace(spec, training=replace(spec.training, schedule=schedule))  # type: ignore[arg-type]
        data = parts(labels, store)
        facts = task_facts(spec, official(labels))
        fitted = fit(spec, facts, data["train"], data["dev"], seed=0)
        guesses = [p["predicted"] for p in predict(fitted.head, data["dev"].dataset)["emotion"]]
        assert guesses == [x.emotion for x in data["dev"].labels]

    def test_the_same_seed_gives_the_same_numbers(
        self, spec: HeadSpec, labels: list[Label], store: Store
    ) -> None:
        data = parts(labels, store)
        facts = task_facts(spec, official(labels))
        runs = [fit(spec, facts, data["train"], data["dev"], seed) for seed in (3, 3, 4)]
        assert runs[0].epochs == runs[1].epochs != runs[2].epochs

    def test_training_stops_when_dev_gets_no_better_and_keeps_the_best_epoch(
        self, spec: HeadSpec, labels: list[Label], store: Store
    ) -> None:
        random = np.random.default_rng(3)
        guessed = [replace(x, emotion=str(random.choice(CLASSES))) for x in labels]
        spec = replace(spec, training=replace(spec.training, epochs=50, patience=4, lr=0.03))
        data = parts(guessed, store)
        facts = task_facts(spec, official(guessed))
        fitted = fit(spec, facts, data["train"], data["dev"], seed=0)
        scores = [epoch["dev_emotion_macro_f1"] for epoch in fitted.epochs]
        assert len(scores) == fitted.best_epoch + 4 < 50
        assert scores[fitted.best_epoch - 1] == max(scores) > scores[-1]
        kept = part_scores(spec, predict(fitted.head, data["dev"].dataset), data["dev"].labels)
        assert kept["emotion"]["macro_f1"] == max(scores)

    def test_predictions_come_in_the_order_of_the_dataset(
        self, spec: HeadSpec, labels: list[Label], store: Store
    ) -> None:
        data = parts(labels, store)
        facts = task_facts(spec, official(labels))
        head = fit(spec, facts, data["train"], data["dev"], seed=0).head
        forward = predict(head, load_dataset({"text": store}, ["u1", "u2", "u40"]))["emotion"]
        backward = predict(head, load_dataset({"text": store}, ["u40", "u2", "u1"]))["emotion"]
        assert [p["predicted"] for p in forward] == [p["predicted"] for p in backward[::-1]]

    def test_the_test_part_cannot_reach_the_loop(self) -> None:
        import inspect

        names = list(inspect.signature(fit).parameters)
        assert names == ["spec", "facts", "train", "dev", "seed", "on_epoch"]

    def test_a_part_without_utterances_is_refused(self, labels: list[Label]) -> None:
        with pytest.raises(ProjectError, match="no utterance in dev"):
            official([label for label in labels if label.split != "dev"])


class TestRun:
    def test_a_run_writes_everything_that_was_promised(
        self, spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
    ) -> None:
        folder = tmp_path / "runs" / "test"
        folder.parent.mkdir()
        metrics = run_head(spec, labels, {"text": store}, folder)
        written = json.loads((folder / "metrics.json").read_text())
        assert written == metrics
        assert set(written) == {"test", "dev", "baseline"}
        assert set(written["test"]["emotion"]) == {
            "weighted_f1",
            "macro_f1",
            "unweighted_accuracy",
            "accuracy",
        }
        assert set(written["test"]["emotion"]["accuracy"]) == {"mean", "std", "seeds"}
        assert len(written["test"]["emotion"]["accuracy"]["seeds"]) == 2
        assert written["baseline"]["emotion"]["accuracy"]["mean"] == 0.5
        lines = [json.loads(x) for x in (folder / "predictions.jsonl").read_text().splitlines()]
        assert len(lines) == 2 * 20
        assert lines[0].keys() == {"id", "seed", "split", "emotion"}
        test = [x for x in lines if x["split"] == "test" and x["seed"] == 0]
        right = [
            x["emotion"]["predicted"] == {y.id: y.emotion for y in labels}[x["id"]] for x in test
        ]
        assert np.mean(right) == written["test"]["emotion"]["accuracy"]["seeds"][0]
        record = json.loads((folder / "run.json").read_text())
        assert record["stores"]["text"]["missing"] == {"missing": 1}
        assert record["facts"]["emotion"]["counts"] == [20, 20]
        names = {p.name for p in folder.iterdir()}
        assert names == {
            "metrics.json",
            "predictions.jsonl",
            "run.json",
            "curves.csv",
            "confusion.csv",
            "weights",
        }
        assert {p.name for p in (folder / "weights").iterdir()} == {
            "seed-0.safetensors",
            "seed-1.safetensors",
        }

    def test_running_again_writes_the_same_bytes(
        self, spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
    ) -> None:
        def content() -> dict[str, bytes]:
            run_head(spec, labels, {"text": store}, tmp_path / "run")
            return {p.name: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}

        assert content() == content()

    def test_test_labels_decide_nothing_but_the_score(
        self, spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
    ) -> None:
        def predictions(of: list[Label]) -> str:
            run_head(spec, of, {"text": store}, tmp_path / "run")
            return (tmp_path / "run/predictions.jsonl").read_text()

        swapped = [replace(x, emotion="joy") if x.split == "test" else x for x in labels]
        assert predictions(labels) == predictions(swapped)

    def test_a_task_without_labels_is_refused(
        self, spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
    ) -> None:
        bare = [replace(label, emotion=None) for label in labels]
        with pytest.raises(ProjectError, match="names 'emotion', and no train utterance of 'demo'"):
            run_head(spec, bare, {"text": store}, tmp_path / "run")
        assert not (tmp_path / "run").exists()
