"""A trained model, and how one is read from the folder of a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features.errors import ProjectError, quoted
from features.manifest import MODALITIES
from features.runs.sealed import read_sealed

BUNDLE_RECORD = "bundle.json"
BUNDLE_SCHEMA = 1
CALIBRATION = "calibration.json"
WEIGHTS = "weights/"
BACKBONES = "backbones/"


@dataclass(frozen=True)
class Model:
    """A trained model: the record of its run, its weights by file name, and its calibration.

    `carried` are the folders of the frozen networks that it includes, by modality. `is_bundle` is
    False for a run of this project.
    """

    name: str
    record: Mapping[str, Any]
    weights: Mapping[str, bytes]
    calibration: Mapping[str, Any]
    carried: Mapping[str, Path] = field(default_factory=dict)
    is_bundle: bool = False


def read_bundle(folder: Path) -> Model:
    """The model in the folder of a bundle, every file of which is checked.

    Raises ProjectError where a file is missing or has changed, and for a schema that this version
    does not know.
    """
    sealed = read_sealed(folder, BUNDLE_RECORD, [CALIBRATION, WEIGHTS])
    if sealed is None:
        raise ProjectError(f"{folder} has no {BUNDLE_RECORD}; 'python cli.py bundle' writes one")
    schema = sealed.record.get("schema")
    if schema != BUNDLE_SCHEMA:
        raise ProjectError(
            f"{folder}: its schema is {schema!r}, and this version reads {BUNDLE_SCHEMA}; use the "
            f"version that wrote it ({sealed.record.get('versions', {}).get('permafrost')})"
        )
    contents, carried = dict(sealed.contents), sealed.record.get("carried")
    if not contents.pop(CALIBRATION) or not isinstance(carried, list):
        raise ProjectError(f"{folder}: {BUNDLE_RECORD} is malformed; write the bundle again")
    if unknown := [name for name in carried if name not in MODALITIES]:
        raise ProjectError(
            f"{folder}: 'carried' in {BUNDLE_RECORD} has {quoted(unknown)}; it must list only "
            f"{quoted(MODALITIES)}"
        )
    folders = {name: folder / BACKBONES / name for name in carried}
    name, calibration = str(sealed.record.get("name")), sealed.json(CALIBRATION)
    return Model(name, sealed.record, contents, calibration, folders, is_bundle=True)
