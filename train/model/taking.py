"""A head takes the weights of another one."""

from collections.abc import Mapping

from torch import Tensor

from features.errors import ProjectError
from features.specs.heads import HeadSpec

# Modules whose shape depends on the labels of a training split, which the other head may not share.
LABEL_DEPENDENT = ("tasks.", "objectives.", "uncertainty.")


def take_weights(
    own: Mapping[str, Tensor], weights: Mapping[str, Tensor], spec: HeadSpec
) -> dict[str, Tensor]:
    """A head's own weights, replaced by those of another wherever both have them.

    Mean and deviation of the tracks are those of the other head, but where tracks are standardised
    by speaker or utterance. Raises ProjectError where anything
    but an output layer differs.
    """
    fitting = {
        name: value
        for name, value in weights.items()
        if name in own and own[name].shape == value.shape
    }
    # Those by which speakers with a single utterance were standardised before the training.
    kept = [
        f"inputs.{modality}.{moment}"
        for modality, how in spec.standardise.items()
        if how != "corpus"
        for moment in ("mean", "std")
    ]
    differing = sorted(
        name
        for name in {*own, *weights}
        if name not in fitting and not name.startswith(LABEL_DEPENDENT)
    )
    if differing:
        raise ProjectError(
            f"{spec.where} starts from {spec.start!r}, which is built differently: "
            f"{differing[0]!r} differs ({len(differing)} in all). Give both the same dim, "
            "hidden, norm, temporal, pooling, fusion and dialogue"
        )
    return {**own, **fitting, **{name: own[name] for name in kept}}
