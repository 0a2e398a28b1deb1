"""What each task takes from the labels of a fold, and the faults by which it cannot be trained."""

from collections.abc import Sequence
from typing import Any

from features.errors import ProjectError, quoted
from features.leaves import load_leaf
from features.manifest import SPLITS, Label
from features.specs.heads import HeadSpec, TrainedSpec
from train.folds.split import Parts, cut, labelled
from train.scoring.measure import Measure, measures_of

Facts = dict[str, dict[str, Any]]


def task_facts(spec: TrainedSpec, parts: Parts, where: str) -> Facts:
    """Per task and objective what it takes from the training labels, such as names of classes.

    Raises ProjectError where a part has no label for a task, and where dev or test has a class
    that the training part lacks: no head could ever name it.
    """
    facts = {
        name: load_leaf("train/tasks", leaf.code).facts(parts.train)
        for name, leaf in spec.tasks.items()
    }
    for name in spec.tasks:
        if not facts[name].get("classes", facts[name]):
            raise ProjectError(
                f"{where}.tasks names {name!r}, and no train utterance of {spec.corpus!r} has that "
                "label; remove the task or choose another corpus"
            )
    for measure in measures_of(spec, facts):
        _check(measure, spec.corpus, parts, f"{where}.tasks.{measure.task}")
    for name in spec.objectives if isinstance(spec, HeadSpec) else ():
        try:
            facts[name] = load_leaf("train/objectives", name).facts(parts.train)
        except ProjectError as error:
            raise ProjectError(f"{where}.objectives, fold {parts.fold!r}: {error}") from None
    return facts


def folds_of(spec: TrainedSpec, labels: Sequence[Label]) -> list[tuple[Parts, Facts]]:
    """The parts of every fold, unlabelled training utterances left out, with what tasks know."""
    found = []
    whole = isinstance(spec, HeadSpec) and spec.dialogue is not None
    if whole and not any(label.dialogue for label in labels):
        raise ProjectError(
            f"{spec.where}.dialogue is set, and no utterance of {spec.corpus!r} is in a dialogue; "
            "leave it out, or choose a corpus that names dialogues"
        )
    for parts in cut(spec.protocol, labels, spec.where):
        facts = task_facts(spec, parts, spec.where)
        names = [measure.label for measure in measures_of(spec, facts)]
        found.append((labelled(parts, names, whole), facts))
    return found


def _check(measure: Measure, corpus: str, parts: Parts, where: str) -> None:
    if measure.kind == "classes" and measure.classes and len(measure.classes) < 2:
        raise ProjectError(
            f"{where}: the training part of {corpus!r} in fold {parts.fold!r} has one class alone, "
            f"{measure.classes[0]!r}; there is nothing to learn"
        )
    for split in SPLITS:
        if foreign := measure.foreign(parts[split]):
            raise ProjectError(
                f"{where}: in fold {parts.fold!r} the training part has nothing of the classes "
                f"{quoted(foreign)}, and the {split} part has; choose a protocol with other folds, "
                "or leave these labels out of the corpus"
            )
        known = measure.known(measure.truth(parts[split])).any()
        if not known or (measure.kind == "pairs" and not any(x.causes for x in parts[split])):
            raise ProjectError(
                f"{where}: no {split} utterance of {corpus!r} in fold {parts.fold!r} has the label "
                f"{measure.label!r}; remove the task or choose another protocol"
            )
