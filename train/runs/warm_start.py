"""Begins a training with the weights of another head."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from features.errors import ProjectError
from features.files import digest_file
from features.specs.heads import HeadSpec
from features.store.reader import Store
from train.runs.record import described, weights_name

# Belongs to the labels of a training part, which the other head may not share.
OWN = ("tasks.", "objectives.", "uncertainty.")


class Start:
    """The run that the trainings of a head start from.

    Raises ProjectError where the run is missing, was made with other settings, or on tracks of
    other backbones than those of `stores`.
    """

    def __init__(
        self, spec: HeadSpec, first: HeadSpec, run: Path, stores: Mapping[str, Store]
    ) -> None:
        again = f"run 'dvc repro train@{first.name}'"
        try:
            self.record = json.loads((run / "run.json").read_text())
        except FileNotFoundError:
            raise ProjectError(f"{run / 'run.json'} does not exist; {again}") from None
        if self.record["head"] != json.loads(json.dumps(described(first))):
            raise ProjectError(
                f"{spec.where}: the head {first.name!r} was trained with other settings than those "
                f"in params.yaml; {again}"
            )
        made = {name: told["recipe"] for name, told in self.record["stores"].items()}
        if made != {name: store.attributes["recipe"] for name, store in stores.items()}:
            raise ProjectError(
                f"{spec.where}: the head {first.name!r} was trained on tracks of other backbones; "
                "give both heads the same inputs"
            )
        self.spec, self.first, self.folder = spec, first, run / "weights"

    @property
    def digest(self) -> list[str]:
        """What its weights are."""
        return [digest_file(path) for path in sorted(self.folder.glob("*.safetensors"))]

    def weights(
        self, fold: int, seed: int, facts: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Tensor]:
        """The weights that a training of a fold (from 0) and seed starts from.

        On one corpus every fold goes on from the same fold; from another corpus all start from its
        first one. Seeds that it has not start from its first one. Layers that answer are left out
        where `facts` say that they answer something else.
        """
        own_fold = fold if self.first.corpus == self.spec.corpus else 0
        own_seed = seed if seed in self.first.seeds else self.first.seeds[0]
        known = list(self.record["facts"].values())[own_fold]
        name = weights_name(own_fold, len(self.record["folds"]), own_seed)
        return {
            key: value
            for key, value in load_file(self.folder / name).items()
            if not key.startswith(OWN) or _same_answers(key.split(".")[1], known, facts)
        }


def take_weights(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], spec: HeadSpec) -> Any:
    """A head's own weights with those of another in their place, wherever both have them.

    Mean and deviation of the tracks are those of the other head. Raises ProjectError where anything
    but a layer that answers differs.
    """
    fitting = {
        name: value
        for name, value in weights.items()
        if name in own and own[name].shape == value.shape
    }
    apart = sorted(
        name for name in {*own, *weights} if name not in fitting and not name.startswith(OWN)
    )
    if apart:
        raise ProjectError(
            f"{spec.where} starts from {spec.start!r}, which is made otherwise: {apart[0]!r} "
            f"differs ({len(apart)} in all). Give both the same dim, hidden, norm, temporal, "
            "pooling, fusion and dialogue"
        )
    return {**own, **fitting}


def _same_answers(
    name: str, known: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Mapping[str, Any]]
) -> bool:
    """Whether a task or objective answers with the same classes, numbers or speakers."""
    return name in known and name in facts and _answers(known[name]) == _answers(facts[name])


def _answers(facts: Mapping[str, Any]) -> Any:
    for key in ("classes", "speakers"):
        if key in facts:
            return facts[key]
    return sorted(facts)
