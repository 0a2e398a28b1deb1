"""Trains the heads of one fold, and asks each what it makes of dev and test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from features.manifest import Label
from features.progress import Progress
from features.specs.heads import AnyHead, HeadSpec
from features.store.reader import Store
from train.data.corruptions import damages
from train.data.dataset import CPU, Part, load_dataset
from train.folds.split import Parts
from train.loop.checkpoint import Checkpoints
from train.loop.epoch import Epoch
from train.loop.fit import fit
from train.loop.probe import fit_probe
from train.loop.tracking import NoTracker, Tracker
from train.runs.fold_result import Fitted, FoldResult
from train.runs.warm_start import Start
from train.scoring.measure import measures_of

SHUFFLED = "shuffled"


def rounds(spec: AnyHead) -> int:
    """How many epochs, or strengths, one training may take."""
    return spec.training.epochs if isinstance(spec, HeadSpec) else len(spec.strengths)


@dataclass(frozen=True)
class Setting:
    """What surrounds the trainings of a run: where they are kept, tracked and computed.

    `start` is the run whose weights the trainings start from.
    """

    checkpoints: Checkpoints = field(default_factory=lambda: Checkpoints(None, ""))
    tracker: Tracker = field(default_factory=NoTracker)
    start: Start | None = None
    device: torch.device = CPU


def run_fold(
    spec: AnyHead,
    number: int,
    parts: Parts,
    facts: dict[str, dict[str, Any]],
    stores: Mapping[str, Store],
    setting: Setting,
    shown: Progress,
) -> FoldResult:
    """Train a head with every seed on one fold (from 0), and once on shuffled labels."""
    train, dev, test = (_part(stores, part) for part in (parts.train, parts.dev, parts.test))
    deviations = {name: tracks.moments()[1] for name, tracks in train.dataset.tracks.items()}
    damaged = damages(test.dataset, deviations)

    def fitted_with(name: str, seed: int, train: Part, dev: Part) -> Fitted:
        note = partial(_note, spec, facts)
        with setting.tracker.training(f"{parts.fold}/{name}") as log:

            def on_epoch(epoch: Epoch) -> None:
                log(epoch)
                shown.advance(note=note(epoch))

            fitted = _fit(spec, facts, train, dev, seed, on_epoch, setting, number, name)
        shown.advance(rounds(spec) - len(fitted.epochs))
        return fitted

    fitted = [fitted_with(f"seed-{seed}", seed, train, dev) for seed in spec.seeds]
    guessing = fitted_with(SHUFFLED, spec.seeds[0], _shuffled(train), _shuffled(dev))
    return FoldResult(
        parts,
        facts,
        fitted,
        dev=[one.predict(dev.dataset) for one in fitted],
        test=[one.predict(test.dataset) for one in fitted],
        damaged={how: [one.predict(data) for one in fitted] for how, data in damaged.items()},
        shuffled=guessing.predict(test.dataset),
    )


def _part(stores: Mapping[str, Store], labels: Sequence[Label]) -> Part:
    return Part(load_dataset(stores, labels), labels)


def _shuffled(part: Part) -> Part:
    """The same tracks with the labels of others: what a head makes of them is no knowledge."""
    order = np.random.default_rng(0).permutation(len(part.labels))
    return replace(part, labels=[part.labels[place] for place in order])


def _fit(
    spec: AnyHead,
    facts: dict[str, dict[str, Any]],
    train: Part,
    dev: Part,
    seed: int,
    on_epoch: Callable[[Epoch], None],
    setting: Setting,
    number: int,
    name: str,
) -> Fitted:
    if not isinstance(spec, HeadSpec):
        return fit_probe(spec, facts, train, dev, seed, on_epoch)
    checkpoint = setting.checkpoints.of(f"fold-{number + 1}-{name}")
    # What is trained on shuffled labels must not start from what the true ones taught.
    start = None
    if setting.start is not None and name != SHUFFLED:
        start = setting.start.weights(number, seed, facts)
    return fit(spec, facts, train, dev, seed, on_epoch, checkpoint, start, setting.device)


def _note(spec: AnyHead, facts: Mapping[str, Any], epoch: Epoch) -> str:
    names = [f"{measure.name}_{spec.choose_by}" for measure in measures_of(spec, facts)]
    known = [f", dev {name} {epoch[f'dev_{name}']:.3f}" for name in names if f"dev_{name}" in epoch]
    told = next(iter(known), "")
    return f"seed {epoch['seed']}, loss {epoch['train_loss']:.3f}{told}"
