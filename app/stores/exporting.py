"""`stores export`: the tracks of stores in a format that other tools read."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import click
import numpy as np

from app.paths import labels_path, manifest_path, store_paths
from features.drafts import draft_of, replace_folder, sweep_drafts, sync_files, sync_folder
from features.errors import ProjectError, counted, quoted
from features.foreign.outgoing import Outgoing
from features.foreign.recognise import format_leaf, formats
from features.manifest import MODALITIES, Label, read_labels, read_utterances
from features.store.reader import Store

# What a format may need beside the values of all tracks, for each utterance.
BYTES_BESIDE = 4096


@click.command("export")
@click.argument("names", nargs=-1, required=True)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--to", "form", required=True, help="The format, such as hdf5.")
@click.option("--layer", type=int, help="The layer to export, if the store has several.")
@click.option("--packed", is_flag=True, help="For hdf5: all values in one dataset, with an index.")
@click.option("--force", is_flag=True, help="Replace OUT if it exists.")
def export_stores(
    names: tuple[str, ...], out: Path, form: str, layer: int | None, packed: bool, force: bool
) -> None:
    """Write the tracks of the store NAMES, such as demo/minilm, to OUT, with their labels."""
    leaf = format_leaf(form)
    if not hasattr(leaf, "write"):
        outgoing_formats = [name for name in formats() if hasattr(format_leaf(name), "write")]
        raise ProjectError(
            f"{form!r} can only be imported; formats for export are {quoted(outgoing_formats)}"
        )
    if packed and form != "hdf5":
        raise ProjectError("--packed is for hdf5 only; leave it out")
    _refuse_losing(out, leaf, form, force)
    if getattr(leaf, "NAMED", False) and out.suffix.lower() not in leaf.SUFFIXES:
        raise ProjectError(
            f"{out}: files of {form} are recognised by their extension; call it "
            f"{out.stem}{leaf.SUFFIXES[0]}"
        )
    outgoing = _outgoing(names, leaf, form, layer)
    _require_room(outgoing, out)
    sweep_drafts(out.parent, out.name)
    with draft_of(out) as draft:
        leaf.write(outgoing, draft, **({"packed": True} if packed else {}))
        _put(draft, out)
    kept = ", ".join(getattr(leaf, "CARRIES", ()))
    count = sum(int((store.lengths > 0).sum()) for store in outgoing.stores.values())
    tracks, utterances = counted(count, "track"), counted(len(outgoing.ids), "utterance")
    click.echo(f"{out}: {tracks} of {utterances} as {form}; kept: {kept}")


def _refuse_losing(out: Path, leaf: ModuleType, form: str, force: bool) -> None:
    """Raise ProjectError where something is at OUT that an export should not replace."""
    if not out.exists():
        return
    if not force:
        raise ProjectError(f"{out} exists; give another name, or --force to replace it")
    if out.is_dir() != getattr(leaf, "FOLDER", False):
        kind = "folder" if out.is_dir() else "file"
        raise ProjectError(f"{out} is a {kind}, which {form} does not write; give another name")
    if out.is_dir() and not leaf.recognises(out):
        raise ProjectError(f"{out} is a folder of other files; give another name")


def _outgoing(names: Sequence[str], leaf: ModuleType, form: str, layer: int | None) -> Outgoing:
    stores = {name: Store(path) for name, path in store_paths(names).items()}
    several = getattr(leaf, "SEVERAL", False)
    if len(stores) > 1 and not several:
        raise ProjectError(f"{form} takes one store, not {len(stores)}; export them one by one")
    corpora = {name.split("/")[0] for name in stores}
    if len(corpora) > 1:
        raise ProjectError(f"the stores belong to {quoted(corpora)}; name stores of one corpus")
    fields: dict[str, Store] = {}
    for name, store in stores.items():
        field = store.attributes["modality"] if several else "track"
        if field in fields:
            raise ProjectError(f"{name} is the second store of {field}; {form} takes one of each")
        layers = store.attributes["layers"]
        if layer is not None and layer not in layers and (len(layers) > 1 or len(stores) == 1):
            raise ProjectError(f"--layer is {layer}, and {name} has the layers {quoted(layers)}")
        fields[field] = store
    (corpus,) = corpora
    return Outgoing(", ".join(names), fields, *_beside(corpus, fields), layer)


def _beside(
    corpus: str, stores: Mapping[str, Store]
) -> tuple[list[Label] | None, list[str | None] | None]:
    """Labels and texts in the order of the stores; None where the corpus has no files of them."""
    ids = next(iter(stores.values())).ids
    labels = texts = None
    if labels_path(corpus).exists():
        labels = read_labels(labels_path(corpus))
        same = [label.id for label in labels] == ids
        if not same or any(store.ids != ids for store in stores.values()):
            raise ProjectError(
                f"the utterances of {labels_path(corpus)} are not those of the stores; run "
                "'dvc repro' to bring both up to date"
            )
    elif any(store.ids != ids for store in stores.values()):
        raise ProjectError("the stores have different utterances; run 'dvc repro'")
    if manifest_path(corpus).exists():
        utterances = read_utterances(manifest_path(corpus))
        by_id = {utterance.id: utterance.text for utterance in utterances}
        texts = [by_id.get(name) for name in ids]
    if labels is None:
        click.echo(f"{labels_path(corpus)} does not exist; the tracks are exported without labels")
    return labels, texts


def _require_room(outgoing: Outgoing, out: Path) -> None:
    """Raise ProjectError where the disk has less room than the tracks need."""
    if not out.absolute().parent.is_dir():
        raise ProjectError(f"{out.parent} is not a folder; make it first")
    needed = outgoing.num_bytes + BYTES_BESIDE * len(outgoing.ids)
    if outgoing.stores.keys() & set(MODALITIES):
        needed = sum(
            len(store) * int(store.lengths.max(initial=1)) * store.dim * np.dtype("f4").itemsize
            for store in outgoing.stores.values()
        )
    free = shutil.disk_usage(out.absolute().parent).free
    if needed > free:
        raise ProjectError(
            f"{out} would need {needed / 1e6:.0f} MB, and the disk has {free / 1e6:.0f} MB left; "
            "write to another one"
        )


def _put(draft: Path, out: Path) -> None:
    """Put what was written in its place, whole and on disk."""
    if draft.is_dir():
        sync_files(draft)
        replace_folder(draft, out)
    else:
        sync_folder(draft)
        draft.replace(out)
        sync_folder(out.absolute().parent)
