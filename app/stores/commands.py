"""`stores`: lists, describes and verifies the cached tracks, and keeps them on disk only once."""

import sys
from collections import Counter
from collections.abc import Sequence

import click

from app.paths import published, store_paths
from app.stores.exporting import export_stores
from app.stores.gc import gc
from app.stores.heal import heal_store
from app.stores.importing import import_store
from app.tables import DOUBTS, NUM_NAMED, aligned, faceless
from features.progress import progress
from features.store.format import chunk_name
from features.store.pool import Pool
from features.store.reader import Store
from features.store.verify import verify as verify_store

# The greatest relative change of a track by its batch neighbours (docs/explanation/numerics.md).
NEIGHBOURS = {"float32": "1e-05", "tf32": "1e-02", "bfloat16": "2e-02"}


@click.group()
def stores() -> None:
    """Inspect, check, export and import the cached tracks."""


@stores.command()
def ls() -> None:
    """List all stores with their size and shape."""
    rows = [("store", "modality", "tracks", "missing", "layers", "dim", "steps", "dtype", "MB")]
    for name, path in published().items():
        store = Store(path)
        tracks = int((store.lengths > 0).sum())
        num_steps = int(store.lengths.sum())
        num_bytes = num_steps * store.num_layers * store.dim * (2 if "16" in store.dtype else 4)
        counts = (tracks, len(store) - tracks, store.num_layers, store.dim, num_steps)
        cells = (*map(str, counts), store.dtype, f"{num_bytes / 1e6:.1f}")
        rows.append((name, store.attributes["modality"], *cells))
    click.echo(aligned(rows))


@stores.command()
@click.argument("name")
def show(name: str) -> None:
    """Describe the store NAME, such as demo/minilm."""
    store = Store(store_paths([name])[name])
    attributes = store.attributes
    lengths = store.lengths[store.lengths > 0]
    click.echo(f"{name} at {store.path}")
    for key in (
        "modality",
        "recipe",
        "layers",
        "dim",
        "dtype",
        "rate_hz",
        "first_step_s",
        "digest",
    ):
        click.echo(f"  {key}: {attributes[key]}")
    made_on = attributes.get("made_on", {})
    number_format = made_on.get("compute", "float32")
    click.echo(f"  device: {made_on.get('device', 'cpu')}")
    click.echo(
        f"  compute: {number_format}; batch neighbours change a track by at most "
        f"{NEIGHBOURS[number_format]} (relative)"
    )
    for key, value in attributes["backbone"].items():
        click.echo(f"  backbone {key}: {value}")
    if len(lengths):
        extent = f"shortest {lengths.min()}, mean {lengths.mean():.1f}, longest {lengths.max()}"
        click.echo(
            f"  steps: {lengths.sum()} in {len(lengths)} tracks and "
            f"{len(attributes['parts'])} parts; {extent}"
        )
    _show_facts(store)
    _show_missing(store)
    _show_makers([entry["key"] for entry in attributes["parts"]])


@stores.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Check every byte of the stores NAMES, or of all stores; exit code 1 if one is damaged."""
    all_problems = []
    paths = store_paths(names)
    for name, path in progress(paths.items(), "verify", len(paths), "stores"):
        problems = verify_store(path)
        click.echo(f"{name}: {f'{len(problems)} problems' if problems else 'ok'}")
        all_problems += problems
    for problem in all_problems:
        click.echo(f"  {problem}", err=True)
    sys.exit(1 if all_problems else 0)


@stores.command()
def relink() -> None:
    """Save disk space: hard-link the parts in the pool to those of published stores."""
    pool = Pool.default()
    linked = 0
    for path in published().values():
        for entry in Store(path).attributes["parts"]:
            chunk = path / "parts" / entry["key"] / chunk_name(3)
            linked += pool.relink(entry["key"], chunk)
    if linked:
        click.echo(f"{linked} parts of the pool are now hard links to those of a store")


stores.add_command(heal_store)
stores.add_command(gc)
stores.add_command(export_stores)
stores.add_command(import_store)


def _show_missing(store: Store) -> None:
    """How many tracks are missing for each reason, and some of their ids."""
    for reason, count in Counter(r for r in store.reasons if r != "ok").items():
        names = [i for i, r in zip(store.ids, store.reasons, strict=True) if r == reason]
        more = ", ..." if count > NUM_NAMED else ""
        click.echo(f"  {reason}: {count} ({', '.join(names[:NUM_NAMED])}{more})")


def _show_facts(store: Store) -> None:
    """What the store records of its utterances besides their tracks."""
    facts = {name: int(counts.sum()) for name, counts in store.facts.items()}
    if faceless(facts):
        no_face = (store.facts["num_faceless"] == store.facts["num_frames"])[store.lengths > 0]
        click.echo(f"  faces: {faceless(facts)}; no face at all in {no_face.sum()} tracks")
    for fact, doubt in DOUBTS.items():
        if facts.get(fact):
            counts = zip(store.ids, store.facts[fact], strict=True)
            click.echo(f"  {doubt([name for name, count in counts if count])}")
    if "num_video_steps" in facts:
        num_words = int(store.lengths.sum()) - facts["num_video_steps"]
        click.echo(f"  video first, then text: {facts['num_video_steps']} and {num_words} steps")
    if "cells" in facts:
        cells = sorted(set(store.facts["cells"][store.lengths > 0].tolist()))
        click.echo(f"  steps per point in time: {', '.join(map(str, cells))}")


def _show_makers(keys: Sequence[str]) -> None:
    """The devices and software that made the parts, as far as the pool still has their records."""
    pool = Pool.default()
    parts = [part for key in keys if (part := pool.find(key)) is not None]
    makers = Counter(
        ", ".join(f"{k} {v}" for k, v in sorted(part.made_with.items())) for part in parts
    )
    for maker, count in makers.items():
        click.echo(f"  {count} of {len(keys)} parts made with: {maker}")
    if len(makers) > 1:
        click.echo("  Parts were not all made the same way; their last float bits may differ.")
