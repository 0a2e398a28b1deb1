"""The stages of dvc.yaml as commands; each takes a name from params.yaml."""

import json
from functools import partial
from pathlib import Path

import click

from app.cluster import on_a_cluster
from app.corpora.imported_files import untracked, with_imported_files
from app.devices import chosen_device
from app.paths import DATA_PATH, labels_path, manifest_path, notes_path
from app.tables import DOUBTS, faceless
from features.cluster import Cluster
from features.errors import ProjectError
from features.files import write_atomic
from features.manifest import read_utterances, write_records
from features.params.load import Params, load_params
from features.specs.tracks import BackboneSpec, TrackSpec, store_path
from features.store.pool import Pool
from features.store.publish import publish_empty


@click.command()
@click.argument("name")
def synthesise(name: str) -> None:
    """Make the synthetic corpus NAME in data/synthetic."""
    from features.leaves import load_leaf

    leaf = load_params().pick("synthetic", name)
    root = DATA_PATH / "synthetic" / name
    root.parent.mkdir(parents=True, exist_ok=True)
    load_leaf("extract/synthetic", leaf.code).make(root, **leaf.options)


@click.command()
@click.argument("name")
def manifest(name: str) -> None:
    """Read the corpus NAME and write its manifest, its labels and its empty store."""
    from app.corpora.counts import counts_of
    from extract.corpus.read import read_corpus

    params = load_params()
    corpus = read_corpus(params.pick("corpora", name))
    utterances = with_imported_files(params, name, corpus.utterances)
    write_records(manifest_path(name), utterances)
    write_records(labels_path(name), corpus.labels)
    write_atomic(notes_path(name), json.dumps(corpus.notes, indent=2).encode())
    publish_empty(store_path(name, "none"), [u.id for u in utterances], Pool.default())
    for note in corpus.notes:
        click.echo(f"{name}: {note}")
    for line in counts_of(corpus.labels):
        click.echo(f"{name}: {line}")


@click.command()
@click.argument("name")
@click.option("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda or cuda:N")
@click.option(
    "--together",
    is_flag=True,
    help="Also make the parts of other tracks over the same media that have no store yet.",
)
@click.option(
    "--shard", help="Make only one share of the parts, such as 1/4; the last to finish publishes."
)
@on_a_cluster
def extract(
    name: str, device: str, together: bool, shard: str | None, engine: str, cluster: Cluster
) -> None:
    """Run a frozen network over a corpus, as set in tracks.NAME of params.yaml."""
    params = load_params()
    track = params.pick("tracks", name)

    from extract.fill.cluster import Job, fill_on_ray
    from extract.fill.fill import extract_tracks
    from extract.plan.share import Share

    share = Share.parse(shard) if shard else None
    manifest = read_utterances(manifest_path(track.corpus))
    corpus, backbone = params.corpora[track.corpus], params.backbones[track.backbone]
    pool = Pool.default()
    if engine == "ray" and share:
        raise ProjectError("give either --shard or --engine ray; Ray divides the parts itself")
    if engine == "ray":
        choose = partial(chosen_device, device)
        where = (choose, pool.folder.absolute(), Path.cwd())
        job = Job(track.store, manifest, corpus, backbone, params.extract, *where)
        filled = fill_on_ray(job, cluster)
    else:
        companions = _companions(params, track) if together else ()
        extraction = (manifest, corpus, backbone, params.extract, chosen_device(device), pool)
        filled = extract_tracks(track.store, *extraction, companions, share)
    if filled.num_unfinished:
        click.echo(
            f"{name}: {filled.num_made} parts made now, {filled.num_unfinished} of "
            f"{filled.num_parts} left to other shares; the last one publishes the store"
        )
        return
    counts = {reason: n for reason, n in sorted(filled.reasons.items()) if reason != "ok"}
    gaps = ", ".join(f"{n} {reason}" for reason, n in counts.items()) or "none missing"
    gaps += f", {faceless(filled.facts)}" if faceless(filled.facts) else ""
    click.echo(
        f"{name}: {filled.reasons['ok']} tracks in {filled.num_parts} parts "
        f"({filled.num_made} made now), {gaps}" + (f"; {filled.speed}" if filled.num_made else "")
    )
    if note := untracked(params, track):
        click.echo(f"{name}: {note}", err=True)
    for fact, ids in filled.doubtful.items():
        click.echo(f"{name}: {DOUBTS[fact](ids)}", err=True)


def _companions(params: Params, track: TrackSpec) -> list[BackboneSpec]:
    """The backbones of other tracks over the same media that have no store yet."""
    reads = params.backbones[track.backbone].reads
    missing = [
        params.backbones[other.backbone]
        for other in params.tracks.values()
        if other.corpus == track.corpus and other != track and not other.store.exists()
    ]
    return [backbone for backbone in missing if backbone.reads == reads in ("audio", "video")]
