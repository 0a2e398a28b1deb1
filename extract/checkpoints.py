"""Finds the folder of a checkpoint and digests what is in it."""

import importlib.util
import re
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from features.errors import ProjectError
from features.files import digest_file, digest_json

COMMIT = re.compile(r"[0-9a-f]{40}")
LOADED_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


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
    """The digest of every file of a checkpoint that loading can read.

    Raises ProjectError where there are no safetensors weights: pickled ones are never read.
    """
    files = sorted({file for pattern in LOADED_FILES for file in folder.glob(pattern)})
    if not any(file.suffix == ".safetensors" for file in files):
        raise ProjectError(
            f"the checkpoint in {folder} has no *.safetensors file; other weight formats can run "
            "code and are not read. Save it with save_pretrained(folder)."
        )
    return digest_json({file.name: digest_file(file) for file in files})


def load_pretrained(network: Any, folder: Path) -> Any:
    """Load a network of the Hugging Face library, such as AutoModel, from a folder.

    Code that comes with a checkpoint is never run. Raises ProjectError where the folder holds
    another architecture, or lacks weights other than those of a pooler, which no track uses.
    """
    try:
        loaded, found = network.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ProjectError(f"the checkpoint in {folder} cannot be loaded: {reason}") from None
    lacking = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if lacking:
        raise ProjectError(
            f"the checkpoint in {folder} lacks {len(lacking)} weights of its network, such as "
            f"{lacking[0]!r}; it was saved from another architecture. Give the right folder."
        )
    return loaded


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
    patterns = list(LOADED_FILES)
    try:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=patterns, local_files_only=True
            )
        )
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        raise ProjectError(
            f"the checkpoint {name!r} at {revision} is not on this machine and could not be "
            f"downloaded ({type(error).__name__}). Connect to the network, or copy its folder here "
            "and give the folder as the checkpoint."
        ) from None
