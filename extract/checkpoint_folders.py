"""Finds the folder of a checkpoint and digests what is in it."""

import importlib.util
import re
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from features.errors import ProjectError, quoted
from features.files import digest_file, digest_json

COMMIT = re.compile(r"[0-9a-f]{40}")
SETTINGS_FILES = ("*.json", "*.txt", "*.model", "config.yaml")
# In the order in which they are looked for; of a hub repository only the first kind is fetched.
# The latter two are read as plain tensors and never executed; model.pt is emotion2vec's.
WEIGHTS_FILES = ("*.safetensors", "pytorch_model*.bin", "model.pt")


def checkpoint_folder(checkpoint: str, revision: str | None) -> Path:
    """The local folder of a checkpoint.

    `checkpoint` is a folder, ``package:NAME/FOLDER`` for weights inside an installed Python
    package, or the name of a repository on the Hugging Face hub, which needs `revision`, the
    commit it is pinned to; it is downloaded once.
    """
    if checkpoint.startswith("package:"):
        return _in_package(checkpoint.removeprefix("package:"))
    if checkpoint and Path(checkpoint).is_dir():
        return Path(checkpoint)
    if revision is None or not COMMIT.fullmatch(revision):
        raise ProjectError(
            f"the checkpoint {checkpoint!r} is no folder here, and its revision is {revision!r}; a "
            "hub checkpoint is pinned by the 40 hexadecimal digits of a commit. Give the folder "
            "or the commit."
        )
    return _from_hub(checkpoint, revision)


def digest_checkpoint(folder: Path) -> str:
    """The digest of every file of a checkpoint that loading reads; ProjectError without weights."""
    weights = weights_files(folder)
    if not weights:
        raise ProjectError(
            f"the checkpoint in {folder} has no weights ({quoted(WEIGHTS_FILES)}). "
            "Save it with save_pretrained(folder)."
        )
    settings = {file for pattern in SETTINGS_FILES for file in folder.glob(pattern)}
    return digest_json({file.name: digest_file(file) for file in sorted({*settings, *weights})})


def weights_files(folder: Path) -> list[Path]:
    """The weights in a folder, of the first format that it has."""
    for pattern in WEIGHTS_FILES:
        if found := sorted(folder.glob(pattern)):
            return found
    return []


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


def _from_hub(name: str, revision: str) -> Path:
    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True))
        if weights_files(folder):
            return folder
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    try:
        for weights in WEIGHTS_FILES:
            patterns = [*SETTINGS_FILES, weights]
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
            if weights_files(folder):
                break
        return folder
    except RevisionNotFoundError:
        fault, remedy = f"the hub's {name!r} has no commit {revision}", "Look up the commit there"
    except RepositoryNotFoundError:
        fault = f"the hub has no public checkpoint {name!r}"
        remedy = "Look up its name, or log in with 'hf auth login' where it is private"
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        fault = (
            f"the checkpoint {name!r} at {revision} is not on this machine and could not be "
            f"downloaded ({type(error).__name__})"
        )
        remedy = "Connect to the network"
    raise ProjectError(
        f"{fault}. {remedy}, or copy its folder here and give the folder as the checkpoint."
    )
