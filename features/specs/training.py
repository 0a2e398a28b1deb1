"""The frozen specs of how a head is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from features.binding import within

ChooseBy = Literal[
    "weighted_f1",
    "macro_f1",
    "weighted_precision",
    "unweighted_accuracy",
    "accuracy",
    "ccc",
    "rmse",
    "mae",
    "pair_weighted_f1",
    "pair_f1",
]
# How the difficulty of a training utterance is measured, from 0 (easy) to 1.
Difficulty = Literal["none", "vad", "class-frequency", "first-model"]
Pacing = Literal["linear", "square-root", "exponential"]


def share(least: float = 0.0) -> dict[str, object]:
    """The metadata of a field that is a share of a whole."""
    return {"check": within(least, 1.0)}


def count(least: int) -> dict[str, object]:
    """The metadata of a field that is a count, or a number without an upper limit."""
    return {"check": within(least, None)}


def different_seeds(value: list[int]) -> str | None:
    """What a list of seeds must be, if this one is not valid."""
    valid = value and len(set(value)) == len(value) and all(0 <= seed < 2**32 for seed in value)
    return None if valid else "a list of different seeds from 0 to 4294967295"


def _above_zero(value: float | None) -> str | None:
    return None if value is None or value > 0 else "above 0"


def _below_one(value: float) -> str | None:
    return None if 0 <= value < 1 else "in [0, 1)"


@dataclass(frozen=True)
class AugmentSpec:
    """How the tracks of one modality are augmented, only in training.

    `noise`: Gaussian noise of this many standard deviations. `step_dropout`: each step is left out
    with this probability. `spans` stretches of at most `span_share` of the steps, and `bands` of at
    most `band_share` of the width, are set to the mean of the training split (Park et al. 2019).
    `missing`: the whole track is left out with this probability, but never every track of an
    utterance.
    """

    noise: float = field(default=0.0, metadata=count(0))
    step_dropout: float = field(default=0.0, metadata={"check": _below_one})
    spans: int = field(default=0, metadata=count(0))
    span_share: float = field(default=0.1, metadata=share())
    bands: int = field(default=0, metadata=count(0))
    band_share: float = field(default=0.1, metadata=share())
    missing: float = field(default=0.0, metadata={"check": _below_one})


@dataclass(frozen=True)
class CurriculumSpec:
    """Easy utterances first: a share `start` of the training split, all of it after `epochs`."""

    pacing: Pacing = "linear"
    start: float = field(default=0.3, metadata=share(0.01))
    epochs: int = field(default=10, metadata=count(1))


@dataclass(frozen=True)
class RaiseDropoutSpec:
    """The dropout of the head up to the epoch `after`, then rising linearly to `to` in the last."""

    to: float = field(metadata={"check": _below_one})
    after: int = field(default=0, metadata=count(0))


@dataclass(frozen=True)
class TrainingSpec:
    """The training loop of a network.

    `choose_by` is the metric on the dev set by which the epoch is selected: its mean over all
    predicted measures that have it. `task_weights` are the tasks' own (`weight`) or learned from
    each task's uncertainty. `warmup_epochs`: for so many epochs the learning rate rises linearly.
    `accumulate`: batches per step of the optimiser. `clip_norm`: the largest norm of the gradients
    (None: no limit). `average`: decay of a running average of the weights, with which the head is
    evaluated (0: none). `precision` is the number format of the network: tf32 is a GPU's fast
    float32, with ten bits of mantissa in products. `patience` is counted from the epoch in which
    the curriculum is complete and dropout begins to rise. `scale_loss`: the loss of an utterance is
    multiplied by 1 + this times its difficulty. `mixup` is the parameter of the beta distribution
    by which utterances are mixed (0: none).
    """

    seeds: list[int] = field(metadata={"check": different_seeds})
    epochs: int = field(default=40, metadata=count(1))
    batch_size: int = field(default=32, metadata=count(1))
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = field(default=0.001, metadata={"check": _above_zero})
    weight_decay: float = field(default=0.01, metadata=count(0))
    schedule: Literal["constant", "cosine", "one-cycle", "plateau"] = "one-cycle"
    warmup_epochs: float = field(default=0.0, metadata=count(0))
    accumulate: int = field(default=1, metadata=count(1))
    clip_norm: float | None = field(default=1.0, metadata={"check": _above_zero})
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    average: float = field(default=0.0, metadata={"check": _below_one})
    patience: int = field(default=10, metadata=count(1))
    choose_by: ChooseBy = "macro_f1"
    task_weights: Literal["fixed", "uncertainty"] = "fixed"
    difficulty: Difficulty = "none"
    curriculum: CurriculumSpec | None = None
    scale_loss: float = field(default=0.0, metadata=count(0))
    raise_dropout: RaiseDropoutSpec | None = None
    augment: Mapping[str, AugmentSpec] = field(default_factory=dict)
    mixup: float = field(default=0.0, metadata=count(0))

    @property
    def paced_epochs(self) -> int:
        """After how many epochs the curriculum is complete and dropout begins to rise."""
        ends = [self.curriculum.epochs if self.curriculum else 0]
        ends.append(self.raise_dropout.after if self.raise_dropout else 0)
        return max(ends)
