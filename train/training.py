"""Trains the heads of one fold, and asks each what it makes of dev and test."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from features.head_specs import AnyHead, HeadSpec
from features.manifest import Label
from features.progress import Progress
from features.store.reader import Store
from train.damage import damages
from train.dataset import Part, load_dataset
from train.fit import Epoch, fit
from train.measures import measures_of
from train.probe import fit_probe
from train.protocol import Parts
from train.result import Fitted, FoldResult


def rounds(spec: AnyHead) -> int:
    """How many epochs, or strengths, one training may take."""
    return spec.training.epochs if isinstance(spec, HeadSpec) else len(spec.strengths)


def run_fold(
    spec: AnyHead,
    parts: Parts,
    facts: dict[str, dict[str, Any]],
    stores: Mapping[str, Store],
    shown: Progress,
) -> FoldResult:
    """Train a head with every seed on one fold, and once on shuffled labels."""
    train, dev, test = (_part(stores, part) for part in (parts.train, parts.dev, parts.test))
    deviations = {name: tracks.moments()[1] for name, tracks in train.dataset.tracks.items()}
    damaged = damages(test.dataset, deviations)
    fitted = [_fit(spec, facts, train, dev, seed, shown) for seed in spec.seeds]
    guessing = _fit(spec, facts, _shuffled(train), _shuffled(dev), spec.seeds[0], shown)
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
    return Part(load_dataset(stores, [label.id for label in labels]), labels)


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
    shown: Progress,
) -> Fitted:
    def on_epoch(epoch: Epoch) -> None:
        shown.advance(note=_note(spec, facts, epoch))

    if isinstance(spec, HeadSpec):
        fitted: Fitted = fit(spec, facts, train, dev, seed, on_epoch)
    else:
        fitted = fit_probe(spec, facts, train, dev, seed, on_epoch)
    shown.advance(rounds(spec) - len(fitted.epochs))
    return fitted


def _note(spec: AnyHead, facts: Mapping[str, Any], epoch: Epoch) -> str:
    chosen = f"{measures_of(spec, facts)[0].name}_{spec.choose_by}"
    score = epoch.get(f"dev_{chosen}")
    told = "" if score is None else f", dev {chosen} {score:.3f}"
    return f"seed {epoch['seed']}, loss {epoch['train_loss']:.3f}{told}"
