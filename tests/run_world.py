"""Finished runs on made-up tracks, in the present folder: heads, a continued one, a transfer."""

import shutil
from pathlib import Path

from app.inputs import load_labels, open_inputs
from app.paths import labels_path
from features.manifest import write_records
from features.params.load import load_params
from features.specs.heads import HeadSpec
from features.specs.tracks import store_path
from tests.head_world import sixty_labels, store_of
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head
from train.runs.transfer import run_transfer
from train.runs.warm_start import WarmStart

PARAMS = """
extract: {}
synthetic: {}
corpora:
  mine: {code: demo, root: data/raw/mine}
  yours: {code: demo, root: data/raw/yours}
backbones:
  mel: {code: log-mel, num_bands: 6}
tracks:
  mine-mel: {corpus: mine, backbone: mel}
  yours-mel: {corpus: yours, backbone: mel}
heads:
  main: &head
    corpus: mine
    inputs: {text: none, audio: mel, video: none}
    dim: 8
    temporal: {code: none}
    pooling: {code: mean}
    fusion: {code: concat}
    tasks: {emotion: {}}
    training: {seeds: [0, 1], epochs: 2, lr: 0.01}
  linear:
    code: probe
    corpus: mine
    inputs: {text: none, audio: mel, video: none}
    tasks: {emotion: {}}
continued:
  longer:
    <<: *head
    start: main
    training: {seeds: [0], epochs: 1, lr: 0.001}
transfers:
  elsewhere:
    head: main
    corpus: yours
    inputs: {text: none, audio: mel, video: none}
"""
EVERYTHING = ("main", "linear", "longer", "elsewhere")


def make_runs() -> None:
    """Write params.yaml, labels and stores of two corpora, and run everything on them."""
    Path("params.yaml").write_text(PARAMS)
    labels = sixty_labels()
    for corpus in ("mine", "yours"):
        write_records(labels_path(corpus), labels)
        path = store_path(corpus, "mel")
        path.parent.mkdir(parents=True)
        shutil.copytree(store_of(Path(corpus).resolve(), labels).path, path)
    for name in ("main", "linear", "longer"):
        trained(name)
    transferred()


def trained(name: str) -> None:
    """Train a head of params.yaml."""
    params = load_params()
    spec = params.heads[name]
    stores = open_inputs(spec, "mine")
    start = params.heads.get(spec.start or "")
    settings = RunSettings()
    if isinstance(spec, HeadSpec) and isinstance(start, HeadSpec):
        settings = RunSettings(warm_start=WarmStart(spec, start, Path("runs", start.name), stores))
    run_head(spec, load_labels("mine"), stores, Path("runs", name), settings=settings)


def transferred() -> None:
    """Test `main` on the other corpus."""
    params = load_params()
    spec, head = params.transfers["elsewhere"], params.heads["main"]
    stores = open_inputs(head, "yours")
    run_transfer(
        spec, head, Path("runs/main"), load_labels("yours"), stores, Path("runs/elsewhere")
    )
