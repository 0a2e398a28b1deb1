"""`scan`: how informative each stored layer of a track is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.inputs import load_labels
from app.paths import RUNS_PATH, labels_path
from app.results.formats import limits, number
from app.tables import aligned
from features.errors import ProjectError, did_you_mean, quoted
from features.files import write_atomic
from features.leaves import leaf_names
from features.manifest import Label
from features.params.load import Params, load_params
from features.progress import Progress
from features.runs.staleness import present_sources, sources, staleness, store_digests
from features.specs.heads import ProbeSpec, ProtocolSpec
from features.specs.tracks import LeafSpec, store_path
from features.store.reader import Store

if TYPE_CHECKING:
    from train.probes.scan import Layer

SCANS = RUNS_PATH / "_scans"
# Ridge has a closed form, so seven layers take two minutes; only the ranking of layers matters.
STRENGTHS = [0.0001, 0.001, 0.01]
NUMBER_TASKS = ("vad", "phq8")


@click.command()
@click.argument("track")
@click.option("--task", default="emotion", show_default=True, help="The task the probes predict.")
@click.option("--corpus", help="The corpus, if TRACK is the name of a backbone.")
def scan(track: str, task: str, corpus: str | None) -> None:
    """Probe every stored layer of TRACK with every pooling, on the dev set.

    Scores with their 95 % confidence intervals are printed and written to runs/_scans/; the report
    plots them. An official test set is not used. A corpus without official splits is split into
    five folds by speaker; the dev set of a fold is then drawn from speakers who are tested in other
    folds.
    """
    params = load_params()
    tasks = leaf_names("train/tasks")
    if task not in tasks:
        raise ProjectError(
            f"there is no task {task!r}; tasks are {quoted(tasks)}.{did_you_mean(task, tasks)}"
        )
    corpus, backbone = _track(params, track, corpus)
    from train.probes.scan import ALL
    from train.probes.scan import scan as scanned

    store, labels = Store(store_path(corpus, backbone)), load_labels(corpus)
    modality = str(store.attributes["modality"])
    spec = _spec(corpus, backbone, modality, task, labels)
    layers: list[Layer] = []
    total = 5 * (store.num_layers + (store.num_layers > 1))
    try:
        with Progress(f"scan {track}", total, "probes") as progress:
            for layer in scanned(spec, labels, modality, store):
                layers.append(layer)
                progress.advance(note=f"layer {layer.name}, {layer.pooling}")
    except ProjectError as error:
        raise ProjectError(str(error).replace(spec.where, f"scan {track}")) from None
    made_from = sources(labels, store_digests({modality: store}))
    content = {
        "corpus": corpus, "backbone": backbone, "modality": modality, "task": task,
        "metric": spec.choose_by, "sources": dict(made_from), "layers": [vars(x) for x in layers],
    }  # fmt: skip
    path = SCANS / f"{corpus}-{backbone}-{task}.json"
    write_atomic(path, json.dumps(content, indent=2).encode())
    click.echo(_table(layers, spec.choose_by))
    click.echo(_best([layer for layer in layers if layer.name != ALL], spec.choose_by))
    click.echo(path)


def _best(layers: "Sequence[Layer]", metric: str) -> str:
    """What the table shows, and the best layer of it."""
    best = max(layers, key=lambda layer: layer.figure)
    return (
        f"\n{metric} on the dev set, with its 95 % confidence interval (ridge probes; * the best "
        f"layer of its pooling).\nBest: layer {best.name}, {best.pooling}, "
        f"{number(metric, best.figure)}. Use it only to choose a layer: the penalty was selected "
        "on the same dev set."
    )


def _track(params: Params, track: str, corpus: str | None) -> tuple[str, str]:
    """The corpus and the backbone of a track, or of a backbone where the corpus is named."""
    if corpus is not None:
        return corpus, track
    if track not in params.tracks:
        raise ProjectError(
            f"there is no track {track!r}; tracks of params.yaml are {quoted(params.tracks)}."
            f"{did_you_mean(track, list(params.tracks))}"
        )
    own = params.tracks[track]
    return own.corpus, own.backbone


def _spec(
    corpus: str, backbone: str, modality: str, task: str, labels: Sequence[Label]
) -> ProbeSpec:
    official = any(label.split for label in labels)
    protocol = LeafSpec("official", {}) if official else LeafSpec("speaker-folds", {"num_folds": 5})
    return ProbeSpec(
        "scan",
        corpus,
        {modality: backbone},
        {task: LeafSpec(task, {})},
        ProtocolSpec(protocol),
        model="ridge",
        strengths=STRENGTHS,
        choose_by="ccc" if task in NUMBER_TASKS else "macro_f1",
    )


def _table(layers: "Sequence[Layer]", metric: str) -> str:
    """A row for each layer and one below it for its intervals; the best of a pooling is marked."""
    poolings = list(dict.fromkeys(layer.pooling for layer in layers))
    rows = [("layer", *poolings)]
    by_place = {(layer.name, layer.pooling): layer for layer in layers}
    best = {p: max(own.figure for own in layers if own.pooling == p) for p in poolings}
    for name in dict.fromkeys(layer.name for layer in layers):
        own = [by_place[name, pooling] for pooling in poolings]
        marks = ["*" if layer.figure == best[layer.pooling] else " " for layer in own]
        figures = (f"{number(metric, x.figure)}{m}" for x, m in zip(own, marks, strict=True))
        rows += [(name, *figures), ("", *(f"{limits(metric, vars(layer))} " for layer in own))]
    return aligned(rows)


def scans_of(params: Params, folder: Path = SCANS) -> tuple[list[dict[str, Any]], list[str]]:
    """The scans of tracks of params.yaml, and one line for each that is stale."""
    shown, unusable = [], []
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_bytes())
        corpus, backbone = content["corpus"], content["backbone"]
        if all((own.corpus, own.backbone) != (corpus, backbone) for own in params.tracks.values()):
            continue
        stores = {content["modality"]: store_path(corpus, backbone)}
        now = present_sources(labels_path(corpus), stores)
        if other := staleness(({}, {}), (content["sources"], now)):
            unusable.append(
                f"{file}: stale: made with {other}; run 'python cli.py scan {backbone} --corpus "
                f"{corpus} --task {content['task']}'"
            )
        else:
            shown.append(content)
    return shown, unusable
