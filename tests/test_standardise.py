"""Standardising by speaker and by utterance, by hand; who falls back to the training split."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.specs.heads import HeadSpec, ProbeSpec, ProtocolSpec
from features.specs.tracks import LeafSpec
from features.store.reader import Store
from tests.head_world import head_spec, sixty_labels, store_of
from train.apply.trained import TrainedHeads
from train.data.dataset import Dataset, load_dataset
from train.data.dialogues import Places
from train.data.standardise import (
    BySpeaker,
    Moments,
    num_standardised,
    refuse_single_steps,
    standardised,
)
from train.data.tracks import Tracks, moments
from train.model.taking import take_weights
from train.runs.run_head import run_head
from train.scoring.measure import UNKNOWN

CORPUS = Moments(torch.full((1, 1), 100.0), torch.full((1, 1), 10.0))
# Steps of five utterances: two of a, one of b, one of nobody, and one of a without a track.
LENGTHS = [2, 1, 1, 1, 0]
STEPS = [1.0, 3.0, 5.0, 90.0, 120.0]
SPEAKERS = ["a", "a", "b", None, "a"]


def five(standardise: str) -> tuple[HeadSpec, Dataset, list[Label]]:
    labels = [Label(f"u{n}", speaker=name) for n, name in enumerate(SPEAKERS)]
    tracks = Tracks(torch.tensor(STEPS)[:, None, None], torch.tensor(LENGTHS))
    dataset = Dataset(tuple(x.id for x in labels), {"text": tracks}, Places.of(labels))
    spec = replace(head_spec(), standardise={"text": standardise})  # type: ignore[dict-item]
    return spec, dataset, labels


def test_a_speaker_is_standardised_by_all_own_steps_and_others_by_the_corpus() -> None:
    spec, dataset, labels = five("speaker")
    data = standardised(spec, dataset, labels, {"text": CORPUS})
    track = data.gather(torch.arange(5))["text"]
    values = track.values[track.mask][:, 0, 0].tolist()
    deviation = np.std([1, 3, 5])
    own = [(x - 3) / deviation for x in (1, 3, 5)]
    assert values == pytest.approx([*own, -1.0, 2.0], abs=1e-5)
    assert num_standardised(spec, dataset, labels)["text"] == (1, 2, 2)
    # The moments that go into the weights are still those of the training split.
    assert data.tracks["text"].moments() == CORPUS


def test_an_utterance_is_standardised_by_its_own_steps() -> None:
    spec, dataset, labels = five("utterance")
    data = standardised(spec, dataset, labels, {"text": CORPUS})
    track = data.gather(torch.arange(5))["text"]
    assert track.values[0, :, 0, 0].tolist() == pytest.approx([-1, 1], abs=1e-4)
    assert track.values[1, 0, 0, 0] == 0


def test_tracks_of_one_step_cannot_be_standardised_by_utterance() -> None:
    spec, dataset, labels = five("utterance")
    single = Tracks(torch.ones(5, 1, 1), torch.ones(5, dtype=torch.int64))
    with pytest.raises(ProjectError, match=r"standardise.text is 'utterance'.*more than one step"):
        refuse_single_steps(spec, replace(dataset, tracks={"text": single}))
    # What is predicted may have single steps, or none at all.
    data = standardised(spec, replace(dataset, tracks={"text": single}), labels, {"text": CORPUS})
    assert not data.gather(torch.arange(5))["text"].values.any()


def test_batches_and_devices_change_nothing() -> None:
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 6, (12,), generator=random)
    values = torch.randn(int(lengths.sum()), 2, 3, generator=random) * 50 + 7
    tracks = Tracks(values, lengths)
    corpus = Moments(*tracks.moments())
    by_speaker = BySpeaker.of(tracks, corpus, [f"s{n % 3}" for n in range(12)])
    whole = by_speaker.gather(torch.arange(12)).values
    for row in range(12):
        alone = by_speaker.gather(torch.tensor([row])).values[0]
        assert torch.equal(alone, whole[row, : len(alone)])
    moved = by_speaker.on(torch.device("cpu"))
    assert torch.equal(moved.gather(torch.arange(12)).values, whole)


def test_moments_of_values_far_from_zero_are_exact() -> None:
    # Their squares would cancel: float64 keeps sixteen digits of 1e26.
    values = 1e13 + np.random.default_rng(0).normal(0, 1e7, 1000)
    steps = torch.from_numpy(values)[:, None, None]
    mean, std = moments(steps.split(100), (1, 1))
    assert float(mean) == pytest.approx(values.mean(), rel=1e-6)
    assert float(std) == pytest.approx(values.std(), rel=1e-5)


def with_speakers() -> list[Label]:
    """Sixty labels, of speakers with ten utterances each, in one split alone."""
    return [replace(x, speaker=f"s{n // 10}") for n, x in enumerate(sixty_labels())]


def run_of(spec: HeadSpec | ProbeSpec, folder: Path) -> tuple[TrainedHeads, Store, list[Label]]:
    labels = with_speakers()
    store = store_of(folder, labels)
    run_head(spec, labels, {"text": store}, folder / "run")
    record = json.loads((folder / "run" / "run.json").read_text())
    weights = {
        f"weights/{file.name}": file.read_bytes() for file in (folder / "run/weights").iterdir()
    }
    return TrainedHeads(record, weights), store, labels


def probe() -> ProbeSpec:
    return ProbeSpec(
        name="test", corpus="demo", inputs=head_spec().inputs,
        tasks={"emotion": LeafSpec("emotion", {})},
        protocol=ProtocolSpec(LeafSpec("official", {})), standardise={"text": "speaker"},
        model="svm",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["network", "probe"])
def test_a_restored_head_standardises_as_it_did_in_its_run(kind: str, tmp_path: Path) -> None:
    network = replace(head_spec(), standardise={"text": "speaker"})
    heads, store, labels = run_of(network if kind == "network" else probe(), tmp_path)
    tested = [label for label in labels if label.split == "test"]
    tracks = [
        store.track(store.rows[label.id]) if store.lengths[store.rows[label.id]] else None
        for label in tested
    ]
    places = [Label(label.id, speaker=label.speaker) for label in tested]
    lines = map(json.loads, (tmp_path / "run" / "predictions.jsonl").read_text().splitlines())
    own = {
        (x["id"], x["seed"]): x["emotion"]["probabilities"] for x in lines if x["split"] == "test"
    }
    for seed, prediction in zip(heads.seeds, heads.predict(places, {"text": tracks}), strict=True):
        for row, label in enumerate(tested):
            expected = list(own[label.id, seed].values())
            assert prediction["emotion"][row] == pytest.approx(expected, abs=2e-6)
    # Without knowing who speaks it falls back, and predicts something else.
    nameless = heads.predict([Label(label.id) for label in tested], {"text": tracks})
    named = heads.predict(places, {"text": tracks})
    assert np.abs(nameless[0]["emotion"] - named[0]["emotion"]).max() > 1e-4
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    counts = record["folds"]["official"]["standardised"]["text"]
    assert counts == {"speakers": 1, "by_speaker": 9, "by_corpus": 0}


def test_what_a_speaker_adds_to_every_step_is_gone() -> None:
    # Two classes that a shift by the speaker hides: only standardising by speaker tells them apart.
    random = np.random.default_rng(0)
    truth = np.tile([0, 1], 60)
    shift = np.repeat(random.normal(0, 50, 12), 10)
    values = torch.from_numpy(shift + 2 * truth + random.normal(0, 0.3, 120)).float()
    tracks = Tracks(values[:, None, None], torch.ones(120, dtype=torch.int64))
    speakers = [f"s{n // 10}" for n in range(120)]
    own = BySpeaker.of(tracks, Moments(*tracks.moments()), speakers).gather(torch.arange(120))
    decided = own.values[:, 0, 0, 0] > 0
    assert (decided.int().numpy() == truth).all() and UNKNOWN not in truth


def test_the_dataset_of_a_store_is_standardised_too(tmp_path: Path) -> None:
    labels = with_speakers()
    dataset = load_dataset({"text": store_of(tmp_path, labels)}, labels)
    spec = replace(head_spec(), standardise={"text": "speaker"})
    corpus = {"text": Moments(*dataset.tracks["text"].moments())}
    track = standardised(spec, dataset, labels, corpus).gather(torch.arange(10))["text"]
    steps = track.values[track.mask]
    assert torch.allclose(steps.mean(dim=0), torch.zeros(2, 6), atol=1e-4)
    assert torch.allclose(steps.std(dim=0, correction=0), torch.ones(2, 6), atol=1e-3)


def test_a_head_that_starts_from_another_keeps_the_moments_it_was_standardised_by() -> None:
    own = {"inputs.text.mean": torch.zeros(2, 6), "project": torch.zeros(3)}
    other = {"inputs.text.mean": torch.ones(2, 6), "project": torch.ones(3)}
    plain, by_speaker = head_spec(), replace(head_spec(), standardise={"text": "speaker"})
    for spec, expected in ((plain, 1.0), (by_speaker, 0.0)):
        both = {**own, "inputs.text.std": torch.zeros(2, 6)}
        theirs = {**other, "inputs.text.std": torch.ones(2, 6)}
        taken = take_weights(both, theirs, replace(spec, start="first"))
        assert float(taken["inputs.text.mean"].mean()) == expected
        assert float(taken["project"].mean()) == 1
