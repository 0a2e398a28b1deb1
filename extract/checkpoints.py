"""Finds the folder of a checkpoint, digests what is in it, and loads networks from it."""

import importlib.util
import json
import pickle
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError

from extract.compute import Compute
from features.errors import ProjectError, quoted
from features.files import digest_file, digest_json

# The library's bars for loading a file of some megabytes are noise among ours, and so are its
# remarks on parts of a checkpoint that we do not load; what we lack we say ourselves.
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

LOADING_FAULTS = (
    *(
        ImportError,
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        SafetensorError,
        pickle.UnpicklingError,
    ),
)
# Weights that no track depends on: a pooler's, and what stands for masked steps in training.
UNUSED = ("pooler.", "masked_spec_embed")
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


def load_pretrained(
    network: Any, folder: Path, compute: Compute, architectures: Collection[str]
) -> Any:
    """Load a network of the Hugging Face library, such as AutoModel, from a folder.

    Code that comes with a checkpoint is never run. Raises ProjectError where the folder holds
    another architecture than those given (the names of the library's `model_type`), or lacks
    weights other than those that no track depends on.
    """
    _refuse_other(folder, architectures)
    safe = any(file.suffix == ".safetensors" for file in weights_files(folder))
    # Weights in the older format are read as plain tensors; anything else in them is refused.
    settings = {"use_safetensors": safe, "weights_only": True, "output_loading_info": True}
    try:
        loaded, found = load_part(
            network, folder, attn_implementation=compute.attention, **settings
        )
    except ProjectError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        loaded, found = load_part(network, folder, attn_implementation="eager", **settings)
    lacking = sorted(name for name in found["missing_keys"] if not name.startswith(UNUSED))
    if lacking:
        raise ProjectError(
            f"the checkpoint in {folder} lacks {len(lacking)} weights of its network, such as "
            f"{lacking[0]!r}; it was saved from another architecture. Give the right folder."
        )
    return loaded


def load_part(kind: Any, folder: Path, **settings: Any) -> Any:
    """Load a network, a tokenizer or a feature extractor from a folder, offline."""
    try:
        return kind.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, **settings
        )
    except LOADING_FAULTS as error:
        reason = " ".join(str(error).split())
        if "trust_remote_code" in reason:
            raise ProjectError(
                f"the checkpoint in {folder} wants to run code that comes with it, which is never "
                "done. Give a checkpoint of an architecture that the library has itself."
            ) from None
        raise ProjectError(f"the checkpoint in {folder} cannot be loaded: {reason}") from None


def model_type(folder: Path) -> str:
    """The architecture of a checkpoint, by the library's name of it."""
    return str(_config(folder)["model_type"])


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ProjectError(
            f"the checkpoint in {folder} cannot be loaded: it has no config.json that names a "
            "model_type. Save it with save_pretrained(folder)."
        ) from None
    return config


def _refuse_other(folder: Path, architectures: Collection[str]) -> None:
    config = _config(folder)
    found = config["model_type"]
    if found in architectures:
        return
    if "auto_map" in config:
        raise ProjectError(
            f"the checkpoint in {folder} wants to run code that comes with it ({found!r}), which "
            "is never done. Give a checkpoint of an architecture that the library has itself."
        )
    raise ProjectError(
        f"the checkpoint in {folder} is a {found!r}; this backbone reads {quoted(architectures)}. "
        "Give another checkpoint, or the backbone that reads this one (docs/backbones.md)."
    )


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
