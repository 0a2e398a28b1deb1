"""Trains the heads of one fold, and lets each predict dev and test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from features.manifest import Label
from features.progress import Progress
from features.specs.heads import DISTIL, AnyHead, HeadSpec
from features.store.reader import Store
from train.attribution.present import answers
from train.data.corruptions import corrupted_datasets
from train.data.dataset import CPU, SplitData
from train.data.standardise import num_standardised
from train.folds.split import Splits
from train.loop.checkpoint import Checkpoints
from train.loop.fit import fit
from train.loop.tracking import Epoch, NoTracker, Tracker
from train.model.contracts import Networks
from train.probes.probe import fit_probe
from train.runs.fold_data import deviations, fold_data
from train.runs.fold_result import Fitted, FoldResult
from train.runs.warm_start import WarmStart
from train.scoring.measure import measures_of

SHUFFLED = "shuffled"


def max_epochs(spec: AnyHead) -> int:
    """How many epochs (of a probe: strengths) one training may take."""
    return spec.training.epochs if isinstance(spec, HeadSpec) else len(spec.strengths or [])


class Teacher(Protocol):
    """A trained head from whose answers the trainings learn; `seal` is that of its run."""

    seal: str

    def targets(self, fold: int, facts: Mapping[str, Any], train: Sequence[Label]) -> Tensor:
        """What it says of training utterances of a fold (from 0), `(N, C)`."""


@dataclass(frozen=True)
class RunSettings:
    """Where the trainings of a run are saved, tracked and computed.

    `warm_start` is the run whose weights the trainings start from, `teacher` the one from whose
    answers they learn. `extraction` says how the tracks were made, as it is kept in the record.
    `networks` are, by modality, the frozen network's layers that temporal encoders are made of.
    """

    checkpoints: Checkpoints = field(default_factory=lambda: Checkpoints(None, ""))
    tracker: Tracker = field(default_factory=NoTracker)
    warm_start: WarmStart | None = None
    teacher: Teacher | None = None
    device: torch.device = CPU
    extraction: Mapping[str, Any] = field(default_factory=dict)
    networks: Networks = field(default_factory=dict)

    @property
    def first(self) -> str | None:
        """The seal of the run that the trainings build on."""
        built_on = self.warm_start or self.teacher
        return built_on.seal if built_on else None


def run_fold(
    spec: AnyHead,
    number: int,
    splits: Splits,
    facts: dict[str, dict[str, Any]],
    stores: Mapping[str, Store],
    settings: RunSettings,
    progress: Progress,
) -> FoldResult:
    """Train a head with every seed on one fold (from 0), and once on shuffled labels."""
    train, dev, test = fold_data(spec, stores, splits)
    corrupted = corrupted_datasets(test.dataset, deviations(train.dataset))

    def fitted_with(name: str, seed: int, train: SplitData, dev: SplitData) -> Fitted:
        which = "shuffled-label control, " if name == SHUFFLED else ""
        note = partial(_note, spec, facts, which)
        with settings.tracker.training(f"{splits.fold}/{name}") as log:

            def on_epoch(epoch: Epoch) -> None:
                log(epoch)
                progress.advance(note=note(epoch))

            fitted = _fit(spec, facts, train, dev, seed, on_epoch, settings, number, name)
        progress.advance(max_epochs(spec) - len(fitted.epochs))
        return fitted

    fitted = [fitted_with(seed_name(seed), seed, train, dev) for seed in spec.seeds]
    on_corrupted = {how: [one.predict(data) for one in fitted] for how, data in corrupted.items()}
    control = fitted_with(SHUFFLED, spec.seeds[0], _shuffled(train), _shuffled(dev))
    return FoldResult(
        splits,
        facts,
        fitted,
        dev=[one.predict(dev.dataset) for one in fitted],
        test=[one.predict(test.dataset) for one in fitted],
        corrupted=on_corrupted,
        present=answers(
            test.dataset, on_corrupted, lambda data: [one.predict(data) for one in fitted]
        ),
        shuffled=control.predict(test.dataset),
        standardised=num_standardised(spec, test.dataset, test.labels),
    )


def seed_name(seed: int) -> str:
    """The name of the training with a seed."""
    return f"seed-{seed}"


def trainings_of(spec: AnyHead, num_folds: int) -> list[tuple[int, str]]:
    """Every training of a run: the number of its fold (from 0), and its name."""
    names = [*map(seed_name, spec.seeds), SHUFFLED]
    return [(number, name) for number in range(num_folds) for name in names]


def train_one(
    spec: AnyHead,
    fold: tuple[Splits, dict[str, dict[str, Any]]],
    stores: Mapping[str, Store],
    settings: RunSettings,
    training: tuple[int, str],
) -> None:
    """One of `trainings_of`, whose result is in its checkpoint afterwards, and nowhere else."""
    splits, facts = fold
    number, name = training
    train, dev = fold_data(spec, stores, splits, ("train", "dev"))
    if name == SHUFFLED:
        train, dev = _shuffled(train), _shuffled(dev)
    seeds = {seed_name(seed): seed for seed in spec.seeds}
    seed = seeds.get(name, spec.seeds[0])
    _fit(spec, facts, train, dev, seed, lambda _: None, settings, number, name)


def _shuffled(data: SplitData) -> SplitData:
    """The same tracks with the labels of other utterances."""
    order = np.random.default_rng(0).permutation(len(data.labels))
    return replace(data, labels=[data.labels[place] for place in order])


def _fit(
    spec: AnyHead,
    facts: dict[str, dict[str, Any]],
    train: SplitData,
    dev: SplitData,
    seed: int,
    on_epoch: Callable[[Epoch], None],
    settings: RunSettings,
    number: int,
    name: str,
) -> Fitted:
    if not isinstance(spec, HeadSpec):
        return fit_probe(spec, facts, train, dev, seed, on_epoch)
    checkpoint = settings.checkpoints.of(f"fold-{number + 1}-{name}")
    # The shuffled-label control must not start from weights that true labels shaped.
    start = None
    if settings.warm_start is not None and name != SHUFFLED:
        start = settings.warm_start.weights(number, seed, facts)
    trained_on = (settings.device, settings.networks)
    # Looked up by utterance: the control gets the answers on those whose labels it gets.
    teacher = settings.teacher
    taught = {} if teacher is None else {DISTIL: teacher.targets(number, facts, train.labels)}
    return fit(spec, facts, train, dev, seed, on_epoch, checkpoint, start, *trained_on, taught)


def _note(spec: AnyHead, facts: Mapping[str, Any], which: str, epoch: Epoch) -> str:
    names = [f"{measure.name}_{spec.choose_by}" for measure in measures_of(spec, facts)]
    figures = [
        f", dev {name} {epoch[f'dev_{name}']:.3f}" for name in names if f"dev_{name}" in epoch
    ]
    return f"{which}seed {epoch['seed']}, loss {epoch['train_loss']:.3f}{''.join(figures[:1])}"
