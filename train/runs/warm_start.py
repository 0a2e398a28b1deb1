"""Starts a training from the weights of another head."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from features.errors import ProjectError
from features.runs.read import read_run
from features.specs.heads import HeadSpec
from features.store.reader import Store
from train.model.taking import LABEL_DEPENDENT
from train.runs.record import weights_name


class WarmStart:
    """The run that the trainings of a head start from.

    Raises ProjectError where the run is missing, was made with other settings, or on tracks of
    other backbones than those of `stores`.
    """

    def __init__(
        self, spec: HeadSpec, first: HeadSpec, run: Path, stores: Mapping[str, Store]
    ) -> None:
        sealed = read_run(run, first)
        self.record, self.seal = sealed.record, sealed.seal
        recipes = {name: store["recipe"] for name, store in self.record["stores"].items()}
        if recipes != {name: store.attributes["recipe"] for name, store in stores.items()}:
            raise ProjectError(
                f"{spec.where}: the head {first.name!r} was trained on tracks of other backbones; "
                "give both heads the same inputs"
            )
        self.spec, self.first, self.folder = spec, first, run / "weights"

    def weights(
        self, fold: int, seed: int, facts: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Tensor]:
        """The weights that a training of a fold (from 0) and seed starts from.

        On one corpus every fold starts from the same fold; from another corpus all start from its
        first one. Seeds that the first head does not have start from its first seed. Output layers
        are left out where `facts` differ in what they predict.
        """
        source_fold = fold if self.first.corpus == self.spec.corpus else 0
        source_seed = seed if seed in self.first.seeds else self.first.seeds[0]
        source_facts = list(self.record["facts"].values())[source_fold]
        name = weights_name(source_fold, len(self.record["folds"]), source_seed)
        return {
            key: value
            for key, value in load_file(self.folder / name).items()
            if not key.startswith(LABEL_DEPENDENT)
            or _same_outputs(key.split(".")[1], source_facts, facts)
        }


def _same_outputs(
    name: str, ours: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, Mapping[str, Any]]
) -> bool:
    """Whether a task or objective has the same classes, numbers or speakers in both."""
    return name in ours and name in theirs and _outputs(ours[name]) == _outputs(theirs[name])


def _outputs(facts: Mapping[str, Any]) -> Any:
    for key in ("classes", "speakers"):
        if key in facts:
            return facts[key]
    return sorted(facts)
