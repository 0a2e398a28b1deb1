"""`train`, `transfer` and `ensemble`: heads on cached tracks."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.bundles.read import WEIGHTS
from app.cluster import on_a_cluster
from app.devices import chosen_device
from app.heads.upper import networks_of
from app.inputs import load_labels, open_inputs, refuse_unusable, sources_of
from app.paths import RUNS_PATH, SEALS_PATH
from features.cluster import Cluster
from features.files import write_atomic
from features.params.load import Params, load_params
from features.runs.described import described
from features.runs.read import UnusableRunError, read_run
from features.runs.restored import described_extraction
from features.runs.staleness import run_seal
from features.specs.heads import AnyHead, HeadSpec
from features.store.reader import Store

if TYPE_CHECKING:
    from train.apply.teacher import Teacher
    from train.runs.run_fold import RunSettings

EVERY_HEAD = "all"


@click.command()
@click.argument("name")
@click.option("--device", default="auto", help="auto (the CPU), cpu, cuda or cuda:N")
@on_a_cluster
def train(name: str, device: str, engine: str, cluster: Cluster) -> None:
    """Train the head NAME with all its seeds on cached tracks.

    "all" trains every head whose run is missing or stale, each after the head that it builds on.
    """
    params = load_params()
    every = name == EVERY_HEAD and EVERY_HEAD not in params.heads
    waves = in_waves(list(params.heads.values())) if every else [[params.pick("heads", name)]]
    num_trained = 0
    for wave in waves:
        heads = [head for head in wave if not every or _is_stale(head)]
        if engine == "ray":
            _train_on_ray(params, heads, device, cluster)
        for head in heads:
            _train(params, head, device)
        num_trained += len(heads)
    if not num_trained:
        click.echo("the runs of all heads are up to date")


def in_waves(heads: list[AnyHead]) -> list[list[AnyHead]]:
    """Heads that build on no other, those that build on one of them, and so on."""
    waves: list[list[AnyHead]] = []
    trained: set[str | None] = {None, *({head.needs for head in heads} - {h.name for h in heads})}
    while rest := [head for head in heads if head.name not in trained]:
        wave = [head for head in rest if head.needs in trained]
        trained |= {head.name for head in wave}
        waves.append(wave)
    return waves


def _is_stale(head: AnyHead) -> bool:
    try:
        refuse_unusable(head)
    except UnusableRunError:
        return True
    return False


def _train(params: Params, head: AnyHead, device: str) -> None:
    """Train a head, or what is left of it, and write its run."""
    from train.runs.run_head import run_head

    stores, settings = _inputs(params, head, device)
    RUNS_PATH.mkdir(exist_ok=True)
    labels = load_labels(head.corpus)
    metrics = run_head(head, labels, stores, RUNS_PATH / head.name, _work(head), settings)
    seal = json.dumps({"seal": run_seal(RUNS_PATH / head.name)})
    write_atomic(SEALS_PATH / f"{head.name}.json", seal.encode())
    _echo_figures(head.name, metrics)


def _train_on_ray(params: Params, heads: Sequence[AnyHead], device: str, cluster: Cluster) -> None:
    """Train networks on Ray; a probe is fitted in less time than it takes to send it there."""
    from train.runs.cluster import HeadJob, train_on_ray

    jobs = [
        HeadJob(
            head,
            load_labels(head.corpus),
            partial(_untracked_inputs, params, head, device),
            _work(head).absolute(),
            Path.cwd(),
        )
        for head in heads
        if isinstance(head, HeadSpec)
    ]
    if jobs:
        train_on_ray(jobs, cluster)


def _untracked_inputs(
    params: Params, head: AnyHead, device: str
) -> "tuple[dict[str, Store], RunSettings]":
    """As `_inputs`, in a worker, which logs nothing: the run logs every training in the end."""
    return _inputs(params, head, device, tracked=False)


def _inputs(
    params: Params, head: AnyHead, device: str, tracked: bool = True
) -> "tuple[dict[str, Store], RunSettings]":
    """The stores that a head reads, and how it is trained."""
    from train.loop.tracking import NoTracker, Trackers
    from train.runs.run_fold import RunSettings
    from train.runs.warm_start import WarmStart

    stores = open_inputs(head, head.corpus)
    first = params.heads.get(head.start or "")
    warm_start = None
    if isinstance(head, HeadSpec) and isinstance(first, HeadSpec):
        refuse_unusable(first)
        warm_start = WarmStart(head, first, RUNS_PATH / first.name, stores)
    # The CPU, since a benchmark shows that a GPU trains small heads no faster; tf32 needs a GPU.
    needs_gpu = isinstance(head, HeadSpec) and head.training.precision == "tf32"
    backbones = {m: params.backbones[name] for m, name in head.used_inputs.items()}
    trackers = Trackers(params.tracking, RUNS_PATH, head.name, described(head))
    return stores, RunSettings(
        tracker=trackers if tracked else NoTracker(),
        warm_start=warm_start,
        teacher=_teacher(params, head),
        device=chosen_device(device, auto_takes_gpu=needs_gpu),
        extraction=described_extraction(params.extract, backbones),
        networks=networks_of(head, head.corpus, params.backbones, stores),
    )


def _teacher(params: Params, head: AnyHead) -> "Teacher | None":
    """The trained head that this one is distilled from, with its inputs."""
    if not isinstance(head, HeadSpec) or head.teacher is None:
        return None
    from train.apply.teacher import Teacher

    first = params.heads[head.teacher]
    run = read_run(RUNS_PATH / first.name, first, sources_of(first, first.corpus), [WEIGHTS])
    stores = open_inputs(first, first.corpus)
    networks = networks_of(first, first.corpus, params.backbones, stores)
    return Teacher(head, run, load_labels(head.corpus), stores, networks)


def _work(head: AnyHead) -> Path:
    """Where the trainings in progress of a head are saved."""
    return RUNS_PATH / ".partial" / head.name


@click.command()
@click.argument("name")
def transfer(name: str) -> None:
    """Test a trained head on another corpus, as set in transfers.NAME of params.yaml."""
    params = load_params()
    spec = params.pick("transfers", name)
    head = params.heads[spec.head]

    from train.runs.transfer import run_transfer

    refuse_unusable(head)
    stores = open_inputs(head, spec.corpus)
    labels = load_labels(spec.corpus)
    run, folder = RUNS_PATH / spec.head, RUNS_PATH / name
    networks = networks_of(head, spec.corpus, params.backbones, stores)
    _echo_figures(name, run_transfer(spec, head, run, labels, stores, folder, networks))


@click.command()
@click.argument("name")
def ensemble(name: str) -> None:
    """Combine trained heads into an ensemble, as set in ensembles.NAME of params.yaml."""
    params = load_params()
    spec = params.pick("ensembles", name)
    heads = [params.heads[head] for head in spec.heads]

    from train.runs.ensemble import run_ensemble

    for head in heads:
        refuse_unusable(head)
    names = ["predictions.jsonl", "metrics.json"]
    runs = [read_run(RUNS_PATH / head.name, head, names=names) for head in heads]
    labels = load_labels(heads[0].corpus)
    metrics = run_ensemble(spec, heads, runs, labels, RUNS_PATH / name)
    _echo_figures(name, metrics, "ensemble")


def _echo_figures(name: str, metrics: Mapping[str, Any], row: str = "test") -> None:
    """Print the figures of single seeds, or those of the ``ensemble``."""
    for measure, scores in metrics[row].items():
        means = ", ".join(f"{metric} {value['mean']:.3f}" for metric, value in scores.items())
        click.echo(f"{name}: {row} {measure}: {means}")
