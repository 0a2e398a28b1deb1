"""The frozen specs of heads, protocols and transfers that params.yaml is read into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from features.binding import within
from features.specs import LeafSpec

ChooseBy = Literal[
    "weighted_f1",
    "macro_f1",
    "weighted_precision",
    "unweighted_accuracy",
    "accuracy",
    "ccc",
    "rmse",
    "mae",
]
# The figures by which classes and numbers are scored.
METRICS = {
    "classes": ("weighted_f1", "macro_f1", "weighted_precision", "unweighted_accuracy", "accuracy"),
    "numbers": ("ccc", "rmse", "mae"),
}
# The figure that stands for a measure where the head's own choice is of another kind.
USUAL_METRIC = {"classes": "macro_f1", "numbers": "ccc"}


def shown_metric(kind: str, choose_by: str) -> str:
    """The one metric by which curves and comparisons show classes or numbers."""
    return choose_by if choose_by in METRICS[kind] else USUAL_METRIC[kind]


def _seeds(value: list[int]) -> str | None:
    right = value and len(set(value)) == len(value) and all(0 <= seed < 2**32 for seed in value)
    return None if right else "a list of different seeds from 0 to 4294967295"


def _strengths(value: list[float]) -> str | None:
    return None if value and min(value) > 0 else "a list of numbers above 0"


@dataclass(frozen=True)
class TrainingSpec:
    """The training loop of a network.

    `choose_by` is the dev figure that keeps an epoch: its mean over everything that the tasks
    predict and that has it. `task_weights` are the tasks' own (`weight`) or learned from each
    task's uncertainty.
    """

    seeds: list[int] = field(metadata={"check": _seeds})
    epochs: int = field(default=40, metadata={"check": within(1, None)})
    batch_size: int = field(default=32, metadata={"check": within(1, None)})
    lr: float = field(default=0.001, metadata={"check": within(0.0, None)})
    weight_decay: float = field(default=0.01, metadata={"check": within(0.0, None)})
    schedule: Literal["constant", "one-cycle", "plateau"] = "one-cycle"
    patience: int = field(default=10, metadata={"check": within(1, None)})
    choose_by: ChooseBy = "macro_f1"
    task_weights: Literal["fixed", "uncertainty"] = "fixed"


@dataclass(frozen=True)
class ProtocolSpec:
    """How a corpus is cut into parts that train, choose and test.

    Where the protocol names no dev part, about `dev_share` of what is not tested is drawn: whole
    speakers (with all dialogues they take part in) or whole dialogues.
    """

    leaf: LeafSpec
    dev_share: float = field(default=0.2, metadata={"check": within(0.01, 0.9)})
    dev_unit: Literal["speaker", "dialogue"] = "speaker"


@dataclass(frozen=True)
class TrainedSpec:
    """What every head has: a corpus, inputs, tasks, and a protocol."""

    name: str
    corpus: str
    inputs: Mapping[str, str]
    tasks: Mapping[str, LeafSpec]
    protocol: ProtocolSpec

    @property
    def used_inputs(self) -> dict[str, str]:
        """Modality to backbone, without the modalities that are switched off."""
        return {m: backbone for m, backbone in self.inputs.items() if backbone != "none"}


@dataclass(frozen=True)
class HeadSpec(TrainedSpec):
    """A small network on cached tracks, trained with every seed."""

    dim: int
    dropout: float
    temporal: LeafSpec
    pooling: LeafSpec
    fusion: LeafSpec
    training: TrainingSpec

    @property
    def seeds(self) -> list[int]:
        """The seeds it is trained with."""
        return self.training.seeds

    @property
    def choose_by(self) -> str:
        """The dev figure that keeps an epoch."""
        return self.training.choose_by


@dataclass(frozen=True)
class ProbeSpec(TrainedSpec):
    """Logistic or ridge regression on pooled tracks; the penalty is chosen on dev.

    `strengths` are the values tried: of C for classes (larger: less penalty), of 1 / alpha for
    numbers. It has no randomness, and so one seed.
    """

    pooling: Literal["mean", "statistics"] = "mean"
    strengths: list[float] = field(
        default_factory=lambda: [0.001, 0.01, 0.1, 1.0], metadata={"check": _strengths}
    )
    class_weights: Literal["none", "balanced"] = "none"
    choose_by: ChooseBy = "macro_f1"

    @property
    def seeds(self) -> list[int]:
        """One seed, which decides nothing."""
        return [0]


AnyHead = HeadSpec | ProbeSpec


@dataclass(frozen=True)
class TransferSpec:
    """A trained head, tested on another corpus.

    `labels` says per task which name of the head's corpus a class of the other one has; equal
    names need no mapping.
    """

    name: str
    head: str
    corpus: str
    inputs: Mapping[str, str]
    labels: Mapping[str, Mapping[str, str]]
