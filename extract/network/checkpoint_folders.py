"""Finds the folder of a checkpoint and digests its files."""

import importlib.util
import re
from pathlib import Path

from extract.network.hub import MODELSCOPE, MODELSCOPE_REMEDY, hub_folder, local_copy
from extract.network.weights_files import (
    EMOTION2VEC_WEIGHTS,
    LIBRARY_WEIGHTS,
    file_names,
    setting_names,
    weights_files,
    weights_names,
)
from features.errors import ProjectError, quoted
from features.files import digest_file, digest_json

COMMIT = re.compile(r"[0-9a-f]{40}")
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"


def local_checkpoint(checkpoint: str, revision: str | None) -> Path | None:
    """The local folder of a checkpoint; None for one on the hub that is not on this machine.

    Raises ProjectError as `checkpoint_folder` does, but downloads nothing.
    """
    if checkpoint.startswith("package:") or _local_folder(checkpoint) is not None:
        return checkpoint_folder(checkpoint, revision)
    return local_copy(checkpoint, _pinned(checkpoint, revision))


def checkpoint_folder(checkpoint: str, revision: str | None) -> Path:
    """The local folder of a checkpoint.

    `checkpoint` is a folder, ``package:NAME/FOLDER`` for weights inside an installed Python
    package, or the name of a repository on the Hugging Face hub, which needs `revision`, the
    commit it is pinned to; it is downloaded once. Raises ProjectError where the folder is not that
    of a checkpoint, or has links or pointers in place of files.
    """
    if checkpoint.startswith("package:"):
        folder = _in_package(checkpoint.removeprefix("package:"))
    else:
        local = _local_folder(checkpoint)
        folder = hub_folder(checkpoint, _pinned(checkpoint, revision)) if local is None else local
    _refuse_cache(folder)
    _refuse_stand_ins(folder)
    return folder


def digest_checkpoint(folder: Path) -> str:
    """The digest of every file of a checkpoint that loading reads; ProjectError without weights."""
    return digest_json({file.name: digest_file(file) for file in checkpoint_files(folder)})


def checkpoint_files(folder: Path) -> list[Path]:
    """Every file of a checkpoint that loading reads; ProjectError without weights."""
    weights = require_weights(folder)
    settings = {folder / name for name in setting_names(file_names(folder))}
    return sorted({*settings, *weights})


def require_weights(folder: Path) -> list[Path]:
    """The files of a checkpoint's weights; ProjectError where it has none."""
    weights = weights_files(folder)
    if not weights:
        raise ProjectError(
            f"the checkpoint in {folder} has no weights "
            f"({quoted((*LIBRARY_WEIGHTS, *EMOTION2VEC_WEIGHTS))}, or shards with their index). "
            "Save it with save_pretrained(folder)."
        )
    return weights


def _local_folder(checkpoint: str) -> Path | None:
    try:
        folder = Path(checkpoint).expanduser()
    except RuntimeError:  # a user who is not on this machine
        return None
    return folder if checkpoint and folder.is_dir() else None


def _in_package(name: str) -> Path:
    package, _, inside = name.partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ProjectError(
            f"the checkpoint 'package:{name}' needs the Python package {package!r}, which is not "
            "installed; 'make setup' installs what the project ships with"
        )
    folder = Path(spec.submodule_search_locations[0]) / inside
    if not folder.is_dir():
        raise ProjectError(f"the Python package {package!r} has no folder {inside!r}")
    return folder


def _pinned(checkpoint: str, revision: str | None) -> str:
    """The commit that a checkpoint on the hub is pinned to."""
    if revision is not None and COMMIT.fullmatch(revision):
        return revision
    if checkpoint.startswith(MODELSCOPE):
        raise ProjectError(
            f"the checkpoint {checkpoint!r} is not a folder here but a name on ModelScope, from "
            f"which nothing is downloaded. {MODELSCOPE_REMEDY}"
        )
    raise ProjectError(
        f"the checkpoint {checkpoint!r} is not a folder here, and its revision is {revision!r}; a "
        "hub checkpoint is pinned by the 40 hexadecimal digits of a commit. Give the folder "
        "or the commit."
    )


def _refuse_cache(folder: Path) -> None:
    """Refuse the hub's ``models--org--name`` in place of a snapshot inside it."""
    snapshots = folder if folder.name == "snapshots" else folder / "snapshots"
    if setting_names(file_names(folder)) or not snapshots.is_dir():
        return
    if commits := [path for path in sorted(snapshots.iterdir()) if path.is_dir()]:
        raise ProjectError(
            f"{folder} is a folder of the hub's cache, and the checkpoint is a snapshot inside it. "
            f"Give {quoted(commits)}."
        )


def _refuse_stand_ins(folder: Path) -> None:
    """Refuse links whose targets are missing, and Git LFS's pointers to files."""
    names = file_names(folder)
    _refuse_stand_in(folder, setting_names(names))
    _refuse_stand_in(folder, [name for name in weights_names(folder, names) if name in names])


def _refuse_stand_in(folder: Path, names: list[str]) -> None:
    for name in sorted(names):
        file = folder / name
        if not file.exists():
            raise ProjectError(
                f"{file} is a link to {str(file.readlink())!r}, which does not exist; the folder "
                "was copied without what its links point to. Copy it again with 'cp -rL'."
            )
        if not file.is_file():
            raise ProjectError(
                f"{file} is a folder, a pipe or a device in place of a file; give the folder of a "
                "checkpoint as it was published"
            )
        with file.open("rb") as stream:
            pointer = stream.read(len(LFS_POINTER)) == LFS_POINTER
        if pointer:
            raise ProjectError(
                f"{file} is a Git LFS pointer in place of the file. Fetch the files with 'git lfs "
                f"pull' in {folder}."
            )
