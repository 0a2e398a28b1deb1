"""A head's settings as plain JSON, as they are kept in its record."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from features.specs.ensembles import EnsembleSpec
from features.specs.heads import AnyHead, TransferSpec
from features.specs.tracks import LeafSpec


def described(spec: AnyHead) -> dict[str, Any]:
    """The spec as plain JSON, every leaf as it stands in params.yaml."""
    described = asdict(spec)
    for name, value in vars(spec).items():
        if isinstance(value, LeafSpec):
            described[name] = value.as_dict()
        elif name in ("tasks", "temporal", "objectives") or (
            name == "pooling" and isinstance(value, Mapping)
        ):
            described[name] = {key: leaf.as_dict() for key, leaf in value.items()}
    protocol = spec.protocol
    drawn = {"dev_share": protocol.dev_share, "dev_unit": protocol.dev_unit}
    described["protocol"] = {**protocol.leaf.as_dict(), **drawn}
    return _plain(described)


def described_transfer(spec: TransferSpec, head: AnyHead) -> dict[str, Any]:
    """A transfer as plain JSON, with the settings of its head."""
    return _plain({**asdict(spec), "head": described(head)})


def described_ensemble(spec: EnsembleSpec, heads: Sequence[AnyHead]) -> dict[str, Any]:
    """An ensemble as plain JSON, with the settings of its heads."""
    return _plain({**asdict(spec), "described": {head.name: described(head) for head in heads}})


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back, so that it can be compared with what was read."""
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain
