"""`stores import`: a feature file that another tool wrote, as a store, to inspect it."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from app.paths import labels_path, manifest_path, published
from features.errors import ProjectError, counted
from features.manifest import MODALITIES, Label, Utterance, read_utterances, write_records
from features.params.load import load_params
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec, store_path
from features.store.pool import Pool
from features.store.publish import publish_empty


@click.command("import")
@click.argument("form", metavar="FORMAT")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("name", metavar="CORPUS/NAME")
@click.option("--field", help="The tracks to import, if utterances have several.")
@click.option(
    "--modality", type=click.Choice(MODALITIES), help="The modality, if the file does not state it."
)
@click.option(
    "--id-pattern", help="A regular expression; two ids match if its groups match the same text."
)
@click.option(
    "--classes",
    multiple=True,
    metavar="FIELD=A,B,...",
    help="Names of the classes that the file stores as numbers, in the order of the numbers.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    help="The number format of the store (default: that of the file).",
)
@click.option("--force", is_flag=True, help="Replace the store if it exists.")
def import_store(
    form: str,
    path: Path,
    name: str,
    field: str | None,
    modality: str | None,
    id_pattern: str | None,
    classes: tuple[str, ...],
    dtype: str | None,
    force: bool,
) -> None:
    """Make the store CORPUS/NAME from the file PATH, and print what was recognised in it.

    FORMAT is one of docs/how-to/exchange.md, or auto. If the corpus is not in data/ yet, its
    labels come from the file too. In a pipeline, use a backbone with 'code: imported' instead.
    """
    corpus, _, backbone = name.partition("/")
    if re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name) is None:
        raise ProjectError(f"{name!r} is not CORPUS/NAME in lower-case letters, digits and hyphens")
    _refuse_replacing(name, corpus, backbone, force)
    from extract.corpus.read import read_corpus

    options = {"format": form, "path": path.name, "classes": _class_names(classes)}
    own = read_corpus(CorpusSpec(corpus, path.parent, LeafSpec("imported", options)))
    for note in own.notes:
        click.echo(f"{path}: {note}")
    is_new = not manifest_path(corpus).exists()
    if not is_new:
        click.echo(f"{manifest_path(corpus)} exists; its utterances are looked up in {path}")
    utterances = own.utterances if is_new else read_utterances(manifest_path(corpus))
    settings = {"format": form, "path": str(path), "field": field, "modality": modality}
    leaf = LeafSpec("imported", {**settings, "id_pattern": id_pattern})
    reasons = _extract(corpus, BackboneSpec(backbone, modality, leaf), utterances, dtype)
    if is_new:
        _write_corpus(corpus, own.utterances, own.labels)
        click.echo(f"{labels_path(corpus)} and {manifest_path(corpus)} written from {path}")
    counts = sorted(reasons.items())
    gaps = ", ".join(f"{count} {reason}" for reason, count in counts if reason != "ok")
    click.echo(f"{name}: {counted(reasons['ok'], 'track')}, {gaps or 'none missing'}")


def _extract(
    corpus: str, backbone: BackboneSpec, utterances: Sequence[Utterance], dtype: str | None
) -> Counter[str]:
    """Publish the store, and count why tracks are missing.

    Raises ProjectError where the file knows none of the utterances.
    """
    import torch

    from extract.fill.fill import extract_tracks
    from extract.media.rows import id_key
    from extract.network.backbone import load_backbone
    from extract.network.compute import CPU

    prepare: Any = load_backbone(backbone, CPU).prepare
    keys = [id_key(prepare.id_pattern, utterance.id) for utterance in utterances]
    if not any(key in prepare.rows for key in keys):
        theirs, ours = next(iter(prepare.rows), None), utterances[0].id
        raise ProjectError(
            f"{prepare.where} has none of the utterances of {manifest_path(corpus)}: the "
            f"file's ids look like {theirs!r}, the corpus's like {ours!r}; give an --id-pattern "
            "that matches them"
        )
    spec = ExtractSpec(
        dtype=dtype or prepare.tracks.dtype,  # type: ignore[arg-type]
        threads=1,
        max_failed=len(utterances),
    )
    where = CorpusSpec(corpus, Path(), backbone.leaf)
    path, pool = store_path(corpus, backbone.name), Pool.default()
    filled = extract_tracks(path, utterances, where, backbone, spec, torch.device("cpu"), pool)
    return Counter(filled.reasons)


def _refuse_replacing(name: str, corpus: str, backbone: str, force: bool) -> None:
    if Path("params.yaml").exists():
        for track in load_params().tracks.values():
            if (track.corpus, track.backbone) == (corpus, backbone):
                raise ProjectError(
                    f"{name} is made by tracks.{track.name} of params.yaml; choose another name"
                )
    if name in published() and not force:
        raise ProjectError(f"the store {name} exists; choose another name, or give --force")


def _class_names(classes: tuple[str, ...]) -> dict[str, list[str]]:
    named = {}
    for each in classes:
        field, equals, names = each.partition("=")
        if not equals or not names:
            raise ProjectError(f"--classes is {each!r}; it must be like emotion=neutral,joy,anger")
        named[field] = [part.strip() for part in names.split(",")]
    return named


def _write_corpus(corpus: str, utterances: Sequence[Utterance], labels: Sequence[Label]) -> None:
    """What the stage 'manifest' writes of a corpus in a pipeline."""
    write_records(manifest_path(corpus), utterances)
    write_records(labels_path(corpus), labels)
    publish_empty(store_path(corpus, "none"), [each.id for each in utterances], Pool.default())
