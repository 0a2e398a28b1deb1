"""A paragraph on a head for the methods section of a paper, from its settings and its record."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.results.runs import Run
from features.errors import counted
from features.manifest import SPLITS
from features.specs.heads import HeadSpec, ProbeSpec
from features.specs.tracks import LeafSpec

OPTIMISERS = {"adamw": "AdamW", "adam": "Adam", "sgd": "stochastic gradient descent"}
MODELS = {
    "logistic": "logistic regression",
    "ridge": "ridge regression",
    "svm": "a linear support vector machine",
    "rbf-svm": "a support vector machine with a Gaussian kernel",
}
# Settings of a network that a reader of a paper does not need.
LEFT_OUT = ("code", "version", "weights_digest", "seed", "overlap_s", "window_s", "normalise")


def methods(run: Run) -> str:
    """Data, frozen networks, head, training, selection and intervals, in sentences."""
    spec = run.spec
    parts = [_data(run), _networks(run)]
    if isinstance(spec, HeadSpec):
        parts += [_head(run, spec), _training(spec)]
    else:
        parts.append(_probe(spec))
    return " ".join([*parts, _selection(run), _figures(run)])


def listed(items: Sequence[str]) -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _data(run: Run) -> str:
    folds = list(run.record["folds"].values())
    code = run.spec.protocol.leaf.code.replace("-", " ")
    if len(folds) > 1:
        used = f"{run.spec.corpus} with {len(folds)}-fold cross-validation"
        return f"We used {used} (protocol: {code})."
    counts = folds[0]["num_utterances"]
    names = {"train": "training", "dev": "dev", "test": "test"}
    named = listed([f"{counts[split]} {names[split]}" for split in SPLITS])
    return f"We used {named} utterances of {run.spec.corpus} (protocol: {code})."


def _networks(run: Run) -> str:
    frozen = [
        f"{modality} by {_network(run.record['stores'][modality]['backbone'])}"
        for modality in run.spec.used_inputs
    ]
    return f"Utterances were encoded as sequences by frozen networks: {listed(frozen)}."


def _network(described: Mapping[str, Any]) -> str:
    """The family of a network, with those of its settings that are set, such as its layers."""
    checkpoint = described.get("checkpoint") or described.get("architecture")
    rest = {
        name: value
        for name, value in described.items()
        if name not in (*LEFT_OUT, "checkpoint", "architecture") and value not in (None, False, [])
    }
    settings = [str(checkpoint)] if checkpoint else []
    settings += [f"{name.replace('_', ' ')} {_value(value)}" for name, value in rest.items()]
    return str(described["code"]) + (f" ({', '.join(settings)})" if settings else "")


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _head(run: Run, spec: HeadSpec) -> str:
    temporal, pooling = (_leaves(leaves) for leaves in (spec.temporal, spec.pooling))
    encoded = "" if temporal == "none" else f", encoded over time by {temporal}"
    standardised = {f"{name} by {by}" for name, by in spec.standardise.items() if by != "corpus"}
    text = (
        f"The tracks were standardised ({', '.join(sorted(standardised))}), "
        if standardised
        else "The tracks were standardised by mean and standard deviation of the training split, "
    )
    text += (
        f"projected to {spec.dim} dimensions{encoded}, pooled by {pooling}"
        + ("" if len(spec.used_inputs) == 1 else f" and fused by {_leaf(spec.fusion)}")
        + f"; dropout was {spec.dropout:g}."
    )
    if spec.dialogue is not None and spec.dialogue.code != "none":
        reach = "previous utterances" if spec.dialogue.options.get("causal") else "whole dialogues"
        text += (
            " The utterances of a dialogue were modelled jointly "
            f"({_leaf(spec.dialogue)}; {reach})."
        )
    tasks = [_task(name, leaf) for name, leaf in spec.tasks.items()]
    return (
        f"{text} {run.record['num_parameters']:,} parameters were trained to predict "
        f"{listed(tasks)}."
    )


def _leaves(leaves: Mapping[str, LeafSpec]) -> str:
    texts = {name: _leaf(leaf) for name, leaf in leaves.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return listed([f"{text} ({name})" for name, text in texts.items() if text != "none"])


def _leaf(leaf: LeafSpec) -> str:
    shown = [
        f"{name.replace('_', ' ')} {_value(value)}"
        for name, value in leaf.options.items()
        if value not in (None, False, "none", [])
    ]
    return leaf.code.replace("-", " ") + (f" ({', '.join(shown)})" if shown else "")


def _task(name: str, leaf: LeafSpec) -> str:
    special = [
        text
        for setting, text in (
            ("class_weights", "balanced class weights"),
            ("label_smoothing", "label smoothing {}"),
            ("focal_gamma", "focal loss, gamma {}"),
            ("imbalance", "{}"),
        )
        if leaf.options.get(setting) not in (None, "none", 0, 0.0)
        for text in [text.format(leaf.options[setting])]
    ]
    return name + (f" ({', '.join(special)})" if special else "")


def _training(spec: HeadSpec) -> str:
    training = spec.training
    return (
        f"The head was trained with {OPTIMISERS[training.optimiser]}, a learning rate of "
        f"{training.lr:g}, a weight decay of {training.weight_decay:g} and a batch size of "
        f"{training.batch_size}, for at most {training.epochs} epochs, with "
        f"{counted(len(spec.seeds), 'random seed')}."
    )


def _probe(spec: ProbeSpec) -> str:
    weights = " with balanced class weights" if spec.class_weights == "balanced" else ""
    return (
        f"{MODELS[spec.model].capitalize()}{weights} was fitted to the tracks, pooled by "
        f"{spec.pooling} over their steps."
    )


def _selection(run: Run) -> str:
    folds = next(iter(run.record["folds"].values()))
    drawn = " drawn from the training split" if folds["dev_drawn"] else ""
    what = "epoch" if isinstance(run.spec, HeadSpec) else "penalty"
    metric = run.spec.choose_by.replace("_", " ").replace("f1", "F1")
    return (
        f"The {what} was selected by {metric} on the dev set{drawn}; the test set was "
        "evaluated once."
    )


def _figures(run: Run) -> str:
    resampled = run.evaluation["resampled"]
    spread = "the mean and sample standard deviation over seeds, with " if run.num_seeds > 1 else ""
    return (
        f"We report {spread}95 % confidence intervals by bootstrap over the "
        f"{resampled['count']} {resampled['unit']}s of the test set."
    )
