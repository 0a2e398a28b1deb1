"""The frozen specs of heads, protocols and transfers that params.yaml is read into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from features.binding import within
from features.specs.tracks import LeafSpec
from features.specs.training import ChooseBy, TrainingSpec

# The metrics by which classes, numbers, pairs of emotion and cause, and votes are scored.
METRICS = {
    "classes": ("weighted_f1", "macro_f1", "weighted_precision", "unweighted_accuracy", "accuracy"),
    "numbers": ("ccc", "rmse", "mae"),
    "pairs": (
        "pair_weighted_f1",
        "pair_weighted_precision",
        "pair_weighted_recall",
        "pair_f1",
        "pair_precision",
        "pair_recall",
    ),
    "votes": ("kl", "jensen_shannon"),
}
Standardise = Literal["corpus", "speaker", "utterance"]
DEFAULT_PROTOCOL = {"code": "official"}
# The metric shown of a measure if the head is selected by a metric of another kind.
USUAL_METRIC = {
    "classes": "macro_f1",
    "numbers": "ccc",
    "pairs": "pair_weighted_f1",
    "votes": "jensen_shannon",
}


def shown_metric(kind: str, choose_by: str) -> str:
    """The one metric by which curves and comparisons show a measure of some kind."""
    return choose_by if choose_by in METRICS[kind] else USUAL_METRIC[kind]


ProbeModel = Literal["logistic", "ridge", "svm", "rbf-svm"]
# Penalties of a probe that names none.
STRENGTHS: dict[ProbeModel, list[float]] = {
    "logistic": [0.001, 0.01, 0.1, 1.0],
    "ridge": [1e-5, 1e-4, 0.001, 0.01],
    "svm": [1e-5, 1e-4, 0.001, 0.01],
    "rbf-svm": [0.3, 1.0, 3.0, 10.0],
}


def _strengths(value: list[float] | None) -> str | None:
    return None if value is None or (value and min(value) > 0) else "a list of numbers above 0"


@dataclass(frozen=True)
class ProtocolSpec:
    """How a corpus is split into training, dev and test sets.

    If the protocol defines no dev set, one is drawn at random from the utterances outside the test
    set, about `dev_share` of them: whole speakers (with all dialogues they take part in) or whole
    dialogues.
    """

    leaf: LeafSpec
    dev_share: float = field(default=0.2, metadata={"check": within(0.01, 0.9)})
    dev_unit: Literal["speaker", "dialogue"] = "speaker"


# The objective that learns from another head, and the stage of each section.
DISTIL = "distil"
STAGES = {"heads": "train", "continued": "continue", "distilled": "distil"}


@dataclass(frozen=True)
class TrainedSpec:
    """What every head has: a corpus, inputs, tasks, and a protocol.

    `start` is the head whose weights it starts from (None: random weights). `standardise` says, per
    modality, whose mean and standard deviation standardise the tracks: those of the training split
    (``corpus``, the default), of each speaker's utterances in the split, or of the utterance.
    """

    name: str
    corpus: str
    inputs: Mapping[str, str]
    tasks: Mapping[str, LeafSpec]
    protocol: ProtocolSpec
    start: str | None = field(default=None, kw_only=True)
    standardise: Mapping[str, Standardise] = field(default_factory=dict, kw_only=True)

    @property
    def teacher(self) -> str | None:
        """The head from whose answers it learns."""
        return None

    @property
    def needs(self) -> str | None:
        """The head that must be trained first: this one needs its weights or its predictions."""
        return self.start or self.teacher

    @property
    def section(self) -> str:
        """The section of params.yaml that it is in."""
        return "continued" if self.start else "distilled" if self.teacher else "heads"

    @property
    def stage(self) -> str:
        """The stage of DVC that trains it, such as ``train@main``."""
        return f"{STAGES[self.section]}@{self.name}"

    @property
    def where(self) -> str:
        """Where the head is in params.yaml, for messages."""
        return f"params.yaml: {self.section}.{self.name}"

    @property
    def used_inputs(self) -> dict[str, str]:
        """Modality to backbone, without the modalities that are switched off."""
        return {m: backbone for m, backbone in self.inputs.items() if backbone != "none"}


@dataclass(frozen=True, kw_only=True)
class HeadSpec(TrainedSpec):
    """A small network on cached tracks, trained with every seed.

    `bins`: tracks with more steps than this (of all modalities, or of those named) are reduced to
    this many means. `hidden` is the width of the layer after the fusion (None: `dim`). `norm` says
    where layer normalisation is applied: nowhere, at the inputs, or after the fusion as well.
    `temporal` and `pooling` are given per modality in use. `dialogue` says how the utterances of a
    dialogue are read together (None: they are not, and batches consist of single utterances).
    `objectives` are auxiliary losses without predictions of their own.
    """

    dim: int = 128
    dropout: float = 0.1
    temporal: Mapping[str, LeafSpec]
    pooling: Mapping[str, LeafSpec]
    fusion: LeafSpec
    dialogue: LeafSpec | None = None
    training: TrainingSpec
    bins: int | dict[str, int] | None = None
    hidden: int | None = None
    norm: Literal["none", "inputs", "all"] = "inputs"
    objectives: Mapping[str, LeafSpec] = field(default_factory=dict)

    @property
    def teacher(self) -> str | None:
        """The head from whose answers it learns."""
        return self.objectives[DISTIL].options["from"] if DISTIL in self.objectives else None

    @property
    def seeds(self) -> list[int]:
        """The seeds it is trained with."""
        return self.training.seeds

    @property
    def choose_by(self) -> str:
        """The metric on the dev set by which the epoch is selected."""
        return self.training.choose_by


@dataclass(frozen=True)
class ProbeSpec(TrainedSpec):
    """A scikit-learn model on pooled tracks; the penalty is selected on the dev set.

    `model`: logistic regression (for numbers: ridge regression), ridge, or a support vector
    machine, linear or with a Gaussian kernel. `pooling`: mean, standard deviation, percentiles (10,
    25, 50, 75, 90), mean and standard deviation (``statistics``), or all of them
    (``functionals``). `strengths` are the values to try, of C, or of 1 / alpha in ridge regression:
    the larger, the weaker the penalty (None: those of STRENGTHS). Nothing in it is random, so it
    has one seed.
    """

    model: ProbeModel = "logistic"
    pooling: Literal["mean", "deviation", "percentiles", "statistics", "functionals"] = "mean"
    strengths: list[float] | None = field(default=None, metadata={"check": _strengths})
    class_weights: Literal["none", "balanced"] = "none"
    choose_by: ChooseBy = "macro_f1"

    def __post_init__(self) -> None:
        if self.strengths is None:
            object.__setattr__(self, "strengths", STRENGTHS[self.model])

    @property
    def seeds(self) -> list[int]:
        """A single seed, which has no effect."""
        return [0]


AnyHead = HeadSpec | ProbeSpec


@dataclass(frozen=True)
class TransferSpec:
    """A trained head, tested on another corpus.

    `labels` maps, per task, classes of that corpus to classes of the head's corpus; equal names
    need no mapping.
    """

    name: str
    head: str
    corpus: str
    inputs: Mapping[str, str]
    labels: Mapping[str, Mapping[str, str]]
