"""What each task takes from the training labels of a fold, and labels that cannot be learned."""

from collections.abc import Sequence
from typing import Any

from features.errors import ProjectError, quoted
from features.leaves import load_leaf
from features.manifest import SPLITS, Label
from features.specs.heads import HeadSpec, TrainedSpec
from train.folds.split import Splits, split_corpus, with_labels
from train.scoring.measure import Measure, measures_of

Facts = dict[str, dict[str, Any]]


def label_facts(spec: TrainedSpec, splits: Splits, where: str, scores_votes: bool = False) -> Facts:
    """Per task and objective what it takes from the training labels, such as class names.

    `scores_votes`: annotators' votes are scored, since every split of every fold has some.
    Raises ProjectError where a split has no label for a task, and where dev or test has a class
    that the training split lacks: no head could ever predict it.
    """
    facts = {
        name: load_leaf("train/tasks", leaf.code).Task.facts(splits.train)
        for name, leaf in spec.tasks.items()
    }
    for name, leaf in spec.tasks.items():
        has_votes = facts[name].get("votes", False)
        if leaf.options.get("learn") == "votes" and not has_votes:
            raise ProjectError(
                f"{where}.tasks.{name}.learn is 'votes', but no train utterance of {spec.corpus!r} "
                "has annotators' votes for that label; set learn: labels"
            )
        if has_votes and not scores_votes:
            del facts[name]["votes"]
        if not facts[name].get("classes", facts[name]):
            raise ProjectError(
                f"{where}.tasks names {name!r}, but no train utterance of {spec.corpus!r} has that "
                "label; remove the task or choose another corpus"
            )
    measures = measures_of(spec, facts)
    _refuse_shared_measures(measures, where)
    for measure in measures:
        _check(measure, spec.corpus, splits, f"{where}.tasks.{measure.task}")
    for name in spec.objectives if isinstance(spec, HeadSpec) else ():
        try:
            facts[name] = load_leaf("train/objectives", name).Objective.facts(splits.train)
        except ProjectError as error:
            raise ProjectError(f"{where}.objectives, fold {splits.fold!r}: {error}") from None
    return facts


def folds_of(spec: TrainedSpec, labels: Sequence[Label]) -> list[tuple[Splits, Facts]]:
    """The splits of every fold, unlabelled training utterances left out, and their label facts."""
    whole = isinstance(spec, HeadSpec) and spec.dialogue is not None
    if whole and not any(label.dialogue for label in labels):
        raise ProjectError(
            f"{spec.where}.dialogue is set, but no utterance of {spec.corpus!r} is in a dialogue; "
            "leave it out, or choose a corpus with dialogues"
        )
    folds = []
    every = list(split_corpus(spec.protocol, labels, spec.where))
    voted = all(any(x.emotion_votes for x in splits[s]) for splits in every for s in SPLITS)
    for splits in every:
        facts = label_facts(spec, splits, spec.where, voted)
        names = [m.label for m in measures_of(spec, facts) if m.kind != "votes"]
        # An utterance that has votes and no label can be learned from where votes are learned.
        names += [
            f"{name}_votes"
            for name, leaf in spec.tasks.items()
            if leaf.options.get("learn") == "votes"
        ]
        folds.append((with_labels(splits, names, whole), facts))
    return folds


def _refuse_shared_measures(measures: Sequence[Measure], where: str) -> None:
    """Refuse two tasks that predict the same thing: only one of the predictions could be kept."""
    tasks: dict[str, str] = {}
    for measure in measures:
        other = tasks.setdefault(measure.name, measure.task)
        if other != measure.task:
            raise ProjectError(
                f"{where}.tasks: {other!r} and {measure.task!r} both predict {measure.name!r}; "
                "leave one of them out"
            )


def _check(measure: Measure, corpus: str, splits: Splits, where: str) -> None:
    if measure.kind == "classes" and measure.classes and len(measure.classes) < 2:
        raise ProjectError(
            f"{where}: the training split of {corpus!r} in fold {splits.fold!r} has only one "
            f"class, {measure.classes[0]!r}; there is nothing to learn"
        )
    for split in SPLITS:
        if unseen := measure.unseen_classes(splits[split]):
            raise ProjectError(
                f"{where}: in fold {splits.fold!r} the {split} split has utterances of the classes "
                f"{quoted(unseen)}, but the training split has none; choose a protocol with other "
                "folds, or leave these labels out of the corpus"
            )
        labelled = measure.labelled(measure.truth(splits[split])).any()
        if not labelled or (measure.kind == "pairs" and not any(x.causes for x in splits[split])):
            raise ProjectError(
                f"{where}: no {split} utterance of {corpus!r} in fold {splits.fold!r} has the "
                f"label {measure.label!r}; remove the task or choose another protocol"
            )
