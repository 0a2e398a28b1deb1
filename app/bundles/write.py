"""Writes a run as a bundle: one folder from which it predicts anywhere."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app import VERSION
from app.bundles.card import model_card
from app.bundles.read import (
    BACKBONES,
    BUNDLE_RECORD,
    BUNDLE_SCHEMA,
    CALIBRATION,
    Model,
)
from features.drafts import draft_of, locked, replace_folder, sweep_drafts, sync_files
from features.errors import ProjectError
from features.files import canonical_json, digest_file, write_synced
from features.progress import progress
from features.runs.restored import restored_extraction
from features.runs.sealed import read_sealed, sealed_record

# What of a run's record goes into a bundle: nothing that names an utterance.
KEPT = ("head", "facts", "measures", "num_parameters", "extraction")
KEPT_OF_STORES = ("recipe", "backbone", "layers", "dim", "rate_hz")
SUMS = "SHA256SUMS"
# Checkpoints that are not files.
NO_FILES = (None, "random", "tiny")


@dataclass(frozen=True)
class Figures:
    """What was measured of a run: `metrics.json` and `evaluation.json`."""

    metrics: Mapping[str, Any]
    evaluation: Mapping[str, Any]


def write_bundle(model: Model, figures: Figures, out: Path, with_backbones: bool) -> list[str]:
    """Write the folder `out`, completely or not at all; returns lines on what was left out.

    `with_backbones` copies the checkpoint files of the backbones too. Raises ProjectError if `out`
    exists and is neither a bundle nor an empty folder.
    """
    _refuse_taken(out)
    checkpoints = _checkpoints(model) if with_backbones else {}
    record = bundle_record(model, sorted(checkpoints))
    card = model_card(record, figures.metrics, figures.evaluation)
    out = out.absolute()
    with locked(out), draft_of(out) as draft:
        sweep_drafts(out.parent, out.name)
        small = {
            "README.md": card.encode(),
            CALIBRATION: canonical_json(model.calibration),
            **model.weights,
        }
        for name, content in small.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            write_synced(draft / name, content)
        for modality, files in checkpoints.items():
            _copy(files, draft / BACKBONES / modality, f"backbone of {modality}")
        digests = _digests(draft)
        sums = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
        write_synced(draft / SUMS, sums.encode())
        digests[SUMS] = digest_file(draft / SUMS)
        write_synced(draft / BUNDLE_RECORD, sealed_record(record, digests))
        replace_folder(draft, out)
    return _left_out(record, with_backbones)


def _refuse_taken(out: Path) -> None:
    """Raise ProjectError where a folder has something that is not of a bundle written before."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / BUNDLE_RECORD).is_file():
        raise ProjectError(f"{out} exists and is not a bundle; give a new folder")
    sealed = read_sealed(out, BUNDLE_RECORD)
    own = {BUNDLE_RECORD, *(sealed.record["files"] if sealed else ())}
    files = [path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()]
    if others := sorted(name for name in files if name not in own):
        raise ProjectError(
            f"{out} also has {others[0]!r} ({len(others)} files not part of the bundle), which "
            "would be lost; give a new folder, and copy its files over"
        )


def bundle_record(model: Model, carried: Sequence[str]) -> dict[str, Any]:
    """The content of `bundle.json` except the digests of the files."""
    packages = ("torch", "transformers", "torchvision", "torchaudio", "numpy")
    stores = {
        modality: {name: store[name] for name in KEPT_OF_STORES}
        for modality, store in model.record["stores"].items()
    }
    return {
        "schema": BUNDLE_SCHEMA,
        "name": model.name,
        **{name: model.record[name] for name in KEPT},
        "facts": {fold: _nameless(facts) for fold, facts in model.record["facts"].items()},
        "stores": stores,
        "carried": list(carried),
        "versions": {"permafrost": VERSION, **{name: version(name) for name in packages}},
    }


def _nameless(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a fold with numbers in place of the names of its speakers."""
    return {
        name: {**own, "speakers": [str(n) for n in range(len(own["speakers"]))]}
        if "speakers" in own
        else own
        for name, own in facts.items()
    }


def _checkpoints(model: Model) -> dict[str, list[Path]]:
    """The files of each backbone's checkpoint, where it has one."""
    from extract.network.checkpoint_folders import checkpoint_files, checkpoint_folder

    _, backbones = restored_extraction(model.record["extraction"])
    files = {}
    for modality, spec in backbones.items():
        checkpoint = spec.leaf.options.get("checkpoint")
        if checkpoint not in NO_FILES:
            folder = checkpoint_folder(checkpoint, spec.leaf.options.get("revision"))
            files[modality] = checkpoint_files(folder)
    return files


def _copy(files: Sequence[Path], folder: Path, title: str) -> None:
    folder.mkdir(parents=True)
    for file in progress(files, title, len(files), "files"):
        shutil.copyfile(file, folder / file.name)
    sync_files(folder)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): digest_file(file) for file in files}


def _left_out(record: Mapping[str, Any], with_backbones: bool) -> list[str]:
    """A line for each network whose weights are needed and not in the bundle."""
    lines = []
    for modality, backbone in record["extraction"]["backbones"].items():
        settings = backbone["settings"]
        source = settings.get("checkpoint") or settings.get("weights")
        if source in NO_FILES or modality in record["carried"]:
            continue
        revision = f" at {settings['revision']}" if settings.get("revision") else ""
        remedy = "" if with_backbones else " (--with-backbones includes it)"
        lines.append(f"not in the bundle: the {modality} network {source}{revision}{remedy}")
    return lines
