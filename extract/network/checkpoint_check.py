"""What is wrong with the checkpoints that params.yaml names, seen without loading any."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from extract.network.checkpoint_folders import local_checkpoint, require_weights
from extract.network.checkpoints import load_part
from features.errors import ProjectError
from features.specs.tracks import BackboneSpec

# Networks that are made here and need no files.
MADE = ("random", "tiny")
# The library's names for the number of layers, and for configurations nested in another.
NUM_LAYERS = ("num_hidden_layers", "encoder_layers")
INNER = ("text_config", "vision_config", "encoder")


def checkpoint_problems(spec: BackboneSpec) -> list[str]:
    """What is wrong with the checkpoint of a backbone; an empty list where it has none.

    Looks for the folder, its weights and a configuration that the library reads, and whether the
    `layers` exist. A checkpoint on the hub must be pinned; its files are checked where they are
    on this machine already, and nothing is downloaded.
    """
    options = spec.leaf.options
    checkpoint = options.get("checkpoint")
    if checkpoint is None or checkpoint in MADE:
        return []
    where = f"backbones.{spec.name}"
    try:
        folder = local_checkpoint(checkpoint, options.get("revision"))
        if folder is None:
            return []
        require_weights(folder)
        count = _num_layers(folder)
    except ProjectError as error:
        return [f"{where}.checkpoint: {error}"]
    wrong = [n for n in options.get("layers") or () if count is not None and n > count]
    existing = f"the network has the layers 0 (before the first) to {count}"
    return [f"{where}.layers has {wrong[0]}; {existing}"] if wrong else []


def _num_layers(folder: Path) -> int | None:
    """The number of layers that a configuration of the library states; None for other files."""
    if not (folder / "config.json").exists():
        return None
    config: Mapping[str, Any] = load_part(AutoConfig, folder).to_dict()
    for part in (config, *(config.get(name) for name in INNER)):
        for name in NUM_LAYERS:
            if isinstance(part, Mapping) and isinstance(part.get(name), int):
                return int(part[name])
    return None
