"""Loads networks from the folder of a checkpoint."""

import json
import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError

from extract.network.compute import Compute
from extract.network.preprocessing_files import require_stated
from extract.network.weights_files import weights_files
from features.errors import ProjectError, quoted

# The library's bars for loading a file of some megabytes are noise among ours, and so are its
# warnings about parts of a checkpoint that we do not load; missing weights are refused below.
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

LOADING_FAULTS = (
    *(ImportError, OSError, ValueError, KeyError, RuntimeError, SafetensorError),
    pickle.UnpicklingError,
)
# Weights that no track depends on: a pooler's, and the embedding of masked steps in training.
UNUSED = ("pooler.", "masked_spec_embed")


class UnsupportedAttentionError(ProjectError):
    """The library has no kernel of that kind for the attention of a network."""


def load_pretrained(
    network: Any,
    folder: Path,
    compute: Compute,
    architectures: Collection[str],
    **settings: Any,
) -> Any:
    """Load a network of the Hugging Face library, such as AutoModel, from a folder.

    Code that comes with a checkpoint is never run. Raises ProjectError where the folder holds
    an architecture other than those named (by the library's `model_type`), or lacks weights that
    tracks depend on.
    """
    _refuse_other(folder, architectures)
    safe = any(file.suffix == ".safetensors" for file in weights_files(folder))
    # Weights in the older format are read as plain tensors; anything else in them is refused.
    settings |= {"use_safetensors": safe, "weights_only": True, "output_loading_info": True}
    try:
        loaded, report = load_part(
            network, folder, attn_implementation=compute.attention, **settings
        )
    except UnsupportedAttentionError:
        loaded, report = load_part(network, folder, attn_implementation="eager", **settings)
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(UNUSED))
    if missing:
        raise ProjectError(
            f"the checkpoint in {folder} lacks {len(missing)} weights of its network, such as "
            f"{missing[0]!r}; it was saved from another architecture. Give the right folder."
        )
    return loaded


def load_part(kind: Any, folder: Path, **settings: Any) -> Any:
    """Load a network, a tokenizer or a feature extractor from a folder, offline."""
    require_stated(kind.__name__, folder)
    try:
        return kind.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, **settings
        )
    except LOADING_FAULTS as error:
        raise _loading_error(folder, error) from None


def _loading_error(folder: Path, error: Exception) -> ProjectError:
    """Our error for one of the library's, whose reasons have no types of their own."""
    reason = " ".join(str(error).split())
    if "trust_remote_code" in reason:
        return ProjectError(
            f"the checkpoint in {folder} wants to run code that comes with it, which is never "
            "done. Give a checkpoint of an architecture that transformers itself has."
        )
    message = f"the checkpoint in {folder} cannot be loaded: {reason}"
    if "scaled_dot_product_attention" in reason:
        return UnsupportedAttentionError(message)
    return ProjectError(message)


def model_type(folder: Path) -> str:
    """The architecture of a checkpoint, under the library's name for it."""
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
    stated = config["model_type"]
    if stated in architectures:
        return
    if "auto_map" in config:
        raise ProjectError(
            f"the checkpoint in {folder} wants to run code that comes with it ({stated!r}), which "
            "is never done. Give a checkpoint of an architecture that transformers itself has."
        )
    raise ProjectError(
        f"the checkpoint in {folder} is a {stated!r}; this backbone reads {quoted(architectures)}. "
        "Give another checkpoint, or the backbone that reads this one "
        "(docs/reference/backbones.md)."
    )
