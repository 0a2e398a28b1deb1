"""Begins a training with the weights of another head."""

import json
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from features.errors import ProjectError
from features.head_specs import HeadSpec
from train.head import Head
from train.record import described, weights_name

# Belongs to the labels of a training part, which the other head may not share.
OWN = ("tasks.", "objectives.", "uncertainty.")


def start_weights(
    spec: HeadSpec, first: HeadSpec, run: Path
) -> Callable[[int, int], dict[str, Tensor]]:
    """Gives the weights that a training of `spec` starts from, by fold (from 0) and seed.

    On one corpus every fold goes on from the same fold of the run of `first`; from another corpus
    all start from its first fold. Seeds that it has not start from its first one. Raises
    ProjectError where the run is missing, or was made with other settings.
    """
    again = f"run 'dvc repro train@{first.name}'"
    try:
        record = json.loads((run / "run.json").read_text())
    except FileNotFoundError:
        raise ProjectError(f"{run / 'run.json'} does not exist; {again}") from None
    if record["head"] != json.loads(json.dumps(described(first))):
        raise ProjectError(
            f"continued.{spec.name}: the head {first.name!r} was trained with other settings than "
            f"those in params.yaml; {again}"
        )

    def weights(fold: int, seed: int) -> dict[str, Tensor]:
        own_fold = fold if first.corpus == spec.corpus else 0
        own_seed = seed if seed in first.seeds else first.seeds[0]
        name = weights_name(own_fold, len(record["folds"]), own_seed)
        return load_file(run / "weights" / name)

    return weights


def take_weights(head: Head, weights: dict[str, Tensor], spec: HeadSpec) -> None:
    """Put another head's weights in the place of the head's own, wherever both have them.

    Layers that answer are taken where they have the same shape; mean and deviation of the tracks
    are those of the other head. Raises ProjectError where any other part differs.
    """
    own = head.state_dict()
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
            f"params.yaml: continued.{spec.name} starts from {spec.start!r}, which is made "
            f"otherwise: {apart[0]!r} differs ({len(apart)} in all). Give both the same inputs, "
            "dim, temporal, pooling and fusion"
        )
    head.load_state_dict({**own, **fitting})
