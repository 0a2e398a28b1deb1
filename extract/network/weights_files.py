"""Which files of a checkpoint are read: its weights and its settings."""

import json
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from features.errors import ProjectError, quoted
from features.files import digest_file

SETTINGS_FILES = ("*.json", "*.txt", "*.model", "config.yaml")
# Indices of other copies of the weights, such as whisper-large-v3's in float32.
UNREAD_SETTINGS = "*.index.*.json"
# In the order in which the library looks for them, each whole or in shards. Those of the second
# format, and emotion2vec's, are read as plain tensors and never executed.
LIBRARY_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
EMOTION2VEC_WEIGHTS = ("model.pt", "emotion2vec_base.pt")


def file_names(folder: Path) -> list[str]:
    """The names of everything in a folder, links without a target among them."""
    return [path.name for path in folder.iterdir()]


def setting_names(names: Iterable[str]) -> list[str]:
    """Those of the names that are settings of a checkpoint: configurations, vocabularies."""
    return [
        name
        for name in names
        if "/" not in name
        and any(fnmatchcase(name, pattern) for pattern in SETTINGS_FILES)
        and not fnmatchcase(name, UNREAD_SETTINGS)
    ]


def weights_names(folder: Path, names: Collection[str]) -> list[str]:
    """The weights of a checkpoint that has files of these names, in the first format it has.

    Files that name others (indices of shards, configuration.json) are read in `folder`. The names
    of shards are returned whether they are among `names` or not.
    """
    for whole in _library_weights(folder):
        if whole in names:
            return [whole]
        if (index := f"{whole}.index.json") in names:
            return _shards(folder / index)
    weights = emotion2vec_weights(folder, names)
    return [] if weights is None else [weights]


def emotion2vec_weights(folder: Path, names: Collection[str]) -> str | None:
    """The file of emotion2vec's weights: a published name, or that in configuration.json."""
    for name in EMOTION2VEC_WEIGHTS:
        if name in names:
            return name
    file = folder / "configuration.json"
    paths = read_settings(file).get("file_path_metas")
    stated = paths.get("init_param") if isinstance(paths, dict) else None
    if stated is None:
        return None
    return stated if _plain(stated, file) in names else None


def weights_files(folder: Path) -> list[Path]:
    """The weights in a folder, none where it has none; ProjectError where shards are missing."""
    names = file_names(folder)
    weights = weights_names(folder, names)
    if missing := set(weights).difference(names):
        raise ProjectError(
            f"the checkpoint in {folder} has {len(weights) - len(missing)} of the {len(weights)} "
            f"weight files that its index names; {quoted(missing)} are missing. Copy all files of "
            "the published checkpoint."
        )
    return [folder / name for name in weights]


def require_whole(file: Path) -> None:
    """Refuse a damaged file of torchvision's, by the digits of its SHA-256 in its name.

    torch compares them when it downloads, and never again.
    """
    stated = file.stem.rpartition("-")[2]
    actual = digest_file(file)[: len(stated)]
    if actual != stated:
        raise ProjectError(
            f"{file} is damaged: its SHA-256 begins with {actual}, but by its name with {stated}. "
            "Delete it; it is then downloaded again."
        )


def read_settings(file: Path) -> dict[str, Any]:
    """The content of a JSON file of settings; empty where there is none that can be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _library_weights(folder: Path) -> tuple[str, ...]:
    """The names that the library looks for; a config.json may state one of its own."""
    file = folder / "config.json"
    stated = read_settings(file).get("transformers_weights")
    if stated is None:
        return LIBRARY_WEIGHTS
    return (_plain(stated, file).removesuffix(".index.json"),)


def _shards(index: Path) -> list[str]:
    shards = read_settings(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise ProjectError(
            f"{index} does not say which files hold the weights (weight_map). Copy it from the "
            "published checkpoint."
        )
    return sorted({_plain(name, index) for name in shards.values()})


def _plain(name: object, file: Path) -> str:
    """A name of a file in the same folder as `file`, which states it."""
    if not isinstance(name, str) or name in ("", "..") or {"/", "\\"} & set(name):
        raise ProjectError(
            f"{file} names {name!r} as a weight file; it must be the plain name of a file in the "
            "same folder. Copy it from the published checkpoint."
        )
    return name
