"""A head that learns from another one's answers: of the same fold, on the training split alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.params.load import parse_params
from features.runs.read import read_as_trained, read_run
from features.specs.heads import HeadSpec, ProtocolSpec
from features.specs.tracks import LeafSpec, store_path
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store
from tests.run_world import PARAMS
from train.apply.fold_heads import restored_fold
from train.apply.teacher import Teacher
from train.folds.label_facts import folds_of
from train.loop.fit import fit
from train.runs.fold_data import fold_data
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head

COUNT, CLASSES = 240, ("anger", "joy", "sadness")


@pytest.fixture(scope="module")
def labels() -> list[Label]:
    return [
        Label(f"u{n:03}", emotion=CLASSES[n % 3], speaker=f"s{n // 20}", dialogue=f"d{n // 5}",
              turn=n % 5, folds={"mine": f"f{n // 80}"})
        for n in range(COUNT)
    ]  # fmt: skip


def made_store(name: str, modality: Any, values: Any) -> Store:
    pool = Pool(Path("pool"))
    part = pool.add(
        values[None].astype(np.float16), key=name, ids=tuple(f"u{n:03}" for n in range(COUNT)),
        inputs=("",) * COUNT, lengths=(2,) * COUNT, reasons=("ok",) * COUNT, spans=None,
        made_with={},
    )  # fmt: skip
    path = store_path("mine", name)
    publish(
        path, Header("r", {"code": "made-up"}, modality, 4, (0,), "float16", None), [part], pool
    )
    return Store(path)


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Store]:
    """Words that say the class, and a voice that hardly does."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    classes = np.repeat(np.eye(4)[np.arange(COUNT) % 3], 2, axis=0)
    noise = random.normal(size=(2, 2 * COUNT, 4))
    words, voice = 3 * classes + noise[0], 0.4 * classes + noise[1]
    return {"text": made_store("w", "text", words), "audio": made_store("v", "audio", voice)}


def head(name: str, *modalities: str, **objectives: Any) -> HeadSpec:
    raw = parse_params(_params())
    spec = raw.heads["main"]
    assert isinstance(spec, HeadSpec)
    inputs = {m: {"text": "w", "audio": "v"}[m] if m in modalities else "none"
              for m in ("text", "audio", "video")}  # fmt: skip
    none, mean = LeafSpec("none", {}), LeafSpec("mean", {})
    return replace(
        spec, name=name, inputs=inputs, temporal=dict.fromkeys(modalities, none),
        pooling=dict.fromkeys(modalities, mean),
        protocol=ProtocolSpec(LeafSpec("fold-column", {"column": "mine"})),
        objectives={k: LeafSpec(k, v) for k, v in objectives.items()},
        training=replace(spec.training, epochs=4, lr=0.02),
    )  # fmt: skip


def _params() -> Any:
    import yaml

    return yaml.safe_load(PARAMS)


DISTIL = {"from": "both", "weight": 1.0, "temperature": 2.0, "task": "emotion"}


def trained_teacher(stores: dict[str, Store], labels: list[Label]) -> HeadSpec:
    spec = head("both", "text", "audio")
    run_head(spec, labels, stores, Path("runs/both"))
    return spec


def teacher_of(spec: HeadSpec, both: HeadSpec, labels: Any, stores: Any) -> Teacher:
    run = read_run(Path("runs/both"), both, names=["weights/"])
    return Teacher(spec, run, labels, stores)


def test_the_teacher_answers_training_utterances_with_the_heads_of_their_fold(
    stores: dict[str, Store], labels: list[Label]
) -> None:
    both = trained_teacher(stores, labels)
    spec = head("voice", "audio", distil=DISTIL)
    teacher = teacher_of(spec, both, labels, stores)
    run = read_as_trained(Path("runs/both"), ["weights/"])
    said = []
    for number, (splits, facts) in enumerate(folds_of(spec, labels)):
        own = splits["train"][::-1][:50]  # in any order
        answers = teacher.targets(number, facts, own)
        heads = restored_fold(run.record, run.contents, splits.fold)
        dataset = heads.dataset(stores, [x for x in labels if x in own])
        means = heads.predict(dataset)["emotion"].mean(axis=0)
        expected = [means[dataset.ids.index(label.id)] for label in own]
        assert np.allclose(answers.numpy(), expected, atol=1e-6)
        said.append(answers[:3].numpy())
    # The heads of other folds say something else, or the comparison would say nothing.
    assert not np.allclose(said[0], said[1], atol=1e-3)


def test_a_run_learns_from_its_teacher_and_the_control_does_not_learn_the_labels(
    stores: dict[str, Store], labels: list[Label]
) -> None:
    both = trained_teacher(stores, labels)
    spec = head("voice", "audio", distil={**DISTIL, "weight": 5.0})
    teacher = teacher_of(spec, both, labels, stores)
    voice = {"audio": stores["audio"]}
    run_head(spec, labels, voice, Path("runs/voice"), settings=RunSettings(teacher=teacher))
    # Of a teacher with an opinion of its own it takes the opinion.
    ((splits, facts), *_) = folds_of(spec, labels)
    train, dev = fold_data(spec, voice, splits, ("train", "dev"))
    opinion = torch.tensor([0.1, 0.2, 0.7]).expand(len(train.labels), 3)
    for weight, takes_it in ((0.0, False), (50.0, True)):
        leaf = LeafSpec("distil", {**DISTIL, "weight": weight})
        once = replace(spec.training, epochs=1, batch_size=4)
        own = replace(spec, objectives={"distil": leaf}, training=once)
        fitted = fit(own, facts, train, dev, 0, taught={"distil": opinion})
        classes = fitted.predict(train.dataset)["emotion"].argmax(axis=1)
        assert (np.mean(classes == 2) > 0.95) == takes_it
    record = read_as_trained(Path("runs/voice")).record
    assert record["sources"]["weights of the head it builds on"] == teacher.seal
    # In the control, answers go with the labels of another utterance.
    shuffled = train.labels[1:] + train.labels[:1]
    answers = [teacher.targets(0, facts, own) for own in (train.labels, shuffled)]
    assert torch.equal(answers[1], torch.roll(answers[0], -1, 0))


def test_a_head_whose_teacher_was_not_brought_is_not_trained(
    stores: dict[str, Store], labels: list[Label]
) -> None:
    spec = head("voice", "audio", distil=DISTIL)
    ((splits, facts), *_) = folds_of(spec, labels)
    train, dev = fold_data(spec, {"audio": stores["audio"]}, splits, ("train", "dev"))
    with pytest.raises(ProjectError, match="learns from the answers of 'both', which fit was not"):
        fit(spec, facts, train, dev, 0)


def test_a_teacher_of_other_classes_is_refused(
    stores: dict[str, Store], labels: list[Label]
) -> None:
    both = trained_teacher(stores, labels)
    spec = head("voice", "audio", distil=DISTIL)
    teacher = teacher_of(spec, both, labels, stores)
    facts = {"emotion": {"classes": ["anger", "joy"]}}
    with pytest.raises(ProjectError, match="both must have the same"):
        teacher.targets(0, facts, labels[:3])


def entry(raw: Any, **changes: Any) -> dict[str, Any]:
    own = {**raw["heads"]["main"], "objectives": {"distil": {"from": "main"}}}
    return {**own, **changes}


def test_the_settings_of_a_distilled_head() -> None:
    raw = _params()
    raw["distilled"] = {"small": entry(raw)}
    spec = parse_params(raw).heads["small"]
    assert (spec.teacher, spec.needs, spec.stage) == ("main", "main", "distil@small")
    assert spec.where == "params.yaml: distilled.small"
    raw["ensembles"] = {"two": {"heads": ["main", "small"]}}
    assert parse_params(raw).ensembles["two"].heads == ["main", "small"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objectives": {"distil": {"from": "mian"}}}, "Did you mean 'main'?"),
        ({"objectives": {"distil": {}}}, "objectives.distil.from is None; it must be the name"),
        ({"objectives": {}}, "objectives.distil.from is None; it must be the name"),
        ({"protocol": {"code": "speaker-folds", "num_folds": 3}}, "protocol differs from that of"),
        ({"corpus": "yours"}, "corpus differs from that of its teacher 'main'"),
        ({"tasks": {"sentiment": {}}}, "which 'small' does not predict"),
        (
            {"objectives": {"distil": {"from": "main", "task": "sentiment"}}},
            "task is 'sentiment', which 'main' does not predict",
        ),
        (
            {"objectives": {"distil": {"from": "main", "temperature": 0.0}}},
            "temperature is 0.0; it must be at least 0.01",
        ),
    ],
)
def test_what_cannot_teach_is_refused(changes: dict[str, Any], message: str) -> None:
    raw = _params()
    raw["distilled"] = {"small": entry(raw, **changes)}
    with pytest.raises(ProjectError) as raised:
        parse_params(raw)
    assert message in str(raised.value)


def test_it_belongs_into_its_own_section_with_its_own_name() -> None:
    raw = _params()
    raw["heads"]["small"] = entry(raw)
    with pytest.raises(ProjectError, match="move this head to the section 'distilled'"):
        parse_params(raw)
    raw = _params()
    raw["distilled"] = {"linear": entry(raw)}
    with pytest.raises(ProjectError, match="linear is also the name of an entry in heads"):
        parse_params(raw)
