"""The contracts of a head's exchangeable modules: what each kind takes, gives and must not do.

A file in ``train/temporal``, ``pooling``, ``fusions``, ``dialogues``, ``tasks`` or ``objectives``
defines one class of its kind (`Temporal`, `Pooling`, `Fusion`, `Dialogue`, `Task`, `Objective`), a
`torch.nn.Module` of any inner make. The constructor takes the positional arguments that the kind's
contract names; its keyword-only arguments, each with a default, are the settings in params.yaml.
RANGES, a module constant, may bound settings: ``{"width": (1, None)}``.

For every kind: the values in padding, NaN included, change nothing; an utterance's numbers do not
depend on its batch neighbours or on how much padding there is; there are no batch statistics;
one step works; gradients are finite. `forward` is defined, and what torch does with a module
(`__call__`, `train`, `to`, `state_dict`, `parameters` and their like) is not overridden.

Letters: B utterances of a batch, T steps, D the head's `dim`, H its `hidden`, N dialogues, U turns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from torch import Tensor, nn

from features.manifest import Label
from train.data.dialogues import Turns
from train.data.masking import Padded
from train.scoring.measure import Measure

Module = TypeVar("Module")
NO_OUTPUTS: Mapping[str, Tensor] = {}


class Encoded(NamedTuple):
    """What a head makes of a batch before its tasks: encoded steps `(B, T, D)` of each modality,
    fused vectors `(B, H)`, and who speaks when.

    A head that reads dialogues keeps the steps only where objectives ask for them. `causal`: no
    utterance may depend on a later one. Objectives also get the `outputs` of the tasks, by name.
    """

    tracks: Mapping[str, Padded]
    fused: Tensor
    turns: Turns
    causal: bool = False
    outputs: Mapping[str, Tensor] = NO_OUTPUTS


class Upper(Protocol):
    """The upper layers of a frozen network, which the app brings: `layers` from below to above.

    `dim` is the width of its states, `max_steps` the longest track that it takes.
    """

    dim: int
    max_steps: int
    layers: nn.ModuleList

    def __call__(self, values: Tensor, mask: Tensor) -> Tensor:
        """States `(B, T, dim)`, True in `mask` `(B, T)` where real, to those of the last layer."""


# By modality.
Networks = Mapping[str, Any]


class Temporal(Protocol):
    """How the steps of one track see each other: `Temporal(dim, dropout, *, settings)`.

    TAKES_NETWORK = True, a module constant, where it is made of the frozen network's own layers:
    `Temporal(dim, dropout, network, *, settings)` with an `Upper`, which gets the stored states as
    they are. It may have `learning_rates(lr)`, its parameters in groups with a rate for each, and
    `merge()`, which is called when it is restored for prediction.
    """

    def __call__(self, track: Padded) -> Padded:
        """`(B, T, D)` to `(B, T', D)`. A track without steps stays without steps.

        T' is T, or a `stride`-th of it, rounded up, where the module has that attribute: then step
        n is made from the steps around `n * stride` to `(n + 1) * stride`.
        """


class Pooling(Protocol):
    """How the steps of a track become one vector: `Pooling(dim, *, settings)`.

    `out_dim` is the width of the vector. The head replaces what it gives for a missing track.
    """

    out_dim: int

    def __call__(self, track: Padded) -> Tensor:
        """`(B, T, D)` to `(B, out_dim)`, finite where a track has no step."""

    def weights(self, track: Padded) -> Tensor:
        """How much of the vector comes from each step, `(B, T)`: 0 in padding, their sum 1 (0
        without steps). A weighted sum has its own weights, a mean equal ones."""


# Gives the pooling of a modality, which answers with a learned vector where the track is missing.
Pool = Callable[[str], Pooling]


class Fusion(Protocol):
    """How the tracks of several modalities become one vector.

    `Fusion(modalities, dim, dropout, pool, *, settings)`, `modalities` being the names in use, in a
    fixed order. Steps become vectors through `pool(modality)` alone, once for each modality.
    `out_dim` is the width of the result.

    Module constants: MIN_MODALITIES, the fewest it can fuse (1 if not named). ENCODES_STEPS = True
    where steps of different modalities see each other; a fusion that does not say so works on
    one vector per modality, and those that do offer it as their setting `then`. ONE_POOLING = True
    where all modalities are pooled together; its `pooled` names, in order, the modality of each
    stretch of the steps that are pooled.
    """

    out_dim: int

    def __call__(self, tracks: Mapping[str, Padded]) -> Tensor:
        """`(B, T of the modality, D)` each to `(B, out_dim)`.

        A modality is missing where its mask has no True; all may be. A missing modality is not the
        same as one of zeros.
        """


class Dialogue(Protocol):
    """How the utterances of a dialogue see each other: `Dialogue(hidden, dropout, *, settings)`.

    A setting `causal`, where there is one, forbids every look at later turns.
    """

    def __call__(self, turns: Padded, speakers: Tensor) -> Padded:
        """`(N, U, H)`, in the order of talk, to the same shape.

        Equal numbers in `speakers (N, U)` of one dialogue are the same person; they say no more.
        """


class Task(Protocol):
    """What a head predicts: `Task(in_dim, facts, *, settings)`, `in_dim` being the head's H.

    The module constant KIND is ``classes``, ``numbers`` or ``pairs``. `weight` multiplies the loss
    among those of several tasks. Utterances without a label count for nothing.
    """

    weight: float

    @staticmethod
    def facts(train: Sequence[Label]) -> dict[str, Any]:
        """What it needs of the training labels, as plain JSON: class names, means. Empty or
        without classes where no training utterance has the label."""

    @staticmethod
    def measures(facts: Mapping[str, Any]) -> Sequence[Measure]:
        """What it predicts, and how that is scored."""

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """What it learns from the labels, a row for each, `(B, ...)`."""

    def __call__(self, encoded: Encoded) -> Tensor:
        """The output `(B, ...)`."""

    def loss(self, output: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
        """One number: the mean over labelled utterances, weighed by `scale (B,)`; 0 without any."""

    def select_on_dev(self, output: Tensor, labels: Sequence[Label]) -> None:
        """Select what is selected on the dev set, such as a threshold, after every epoch."""

    def predict(self, output: Tensor) -> Mapping[str, Tensor]:
        """Predictions by the name of the measure, on the CPU in float64."""


class Objective(Protocol):
    """A loss that predicts nothing: `Objective(dim, hidden, modalities, facts, *, settings)`.

    `weight` multiplies it. MIN_MODALITIES, a module constant, is the fewest modalities it needs.
    """

    weight: float

    @staticmethod
    def facts(train: Sequence[Label]) -> dict[str, Any]:
        """What it needs of the training labels, as plain JSON; ProjectError where they lack it."""

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """What it learns from the labels, a row for each, `(B, ...)`."""

    def __call__(self, encoded: Encoded, targets: Tensor) -> Tensor:
        """One number, 0 and finite for a batch that says nothing."""


def by_name(modules: Mapping[str, Module]) -> Mapping[str, Module]:
    """Modules by name as torch keeps them: trained, moved and saved with the module they are in."""
    return cast(Mapping[str, Module], nn.ModuleDict(cast(Mapping[str, nn.Module], modules)))
