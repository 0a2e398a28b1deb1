"""The labels of one corpus under the names of another, class by class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import Label
from features.specs.heads import TransferSpec
from train.scoring.measure import Measure


@dataclass(frozen=True)
class MappedLabels:
    """The labels of the other corpus with the class names of the head's, and what is left out.

    `used` says per measure which class became which, `dropped` how many utterances each class
    without a counterpart has.
    """

    labels: list[Label]
    used: dict[str, dict[str, str]]
    dropped: dict[str, dict[str, int]]


def map_labels(
    spec: TransferSpec, measures: Sequence[Measure], labels: Sequence[Label]
) -> MappedLabels:
    """Give every class the name that the head has for it; drop utterances of other classes.

    Raises ProjectError where the mapping names a class that either corpus lacks, and where fewer
    than two classes are left.
    """
    where = f"params.yaml: transfers.{spec.name}.labels"
    used: dict[str, dict[str, str]] = {}
    dropped: dict[str, dict[str, int]] = {}
    kept = list(labels)
    for measure in measures:
        values = [getattr(label, measure.name) for label in labels]
        counts = Counter(value for value in values if value is not None)
        if not counts:
            raise ProjectError(
                f"{where}: no utterance of {spec.corpus!r} has the label {measure.name!r}, which "
                f"the head {spec.head!r} predicts; transfer a head with other tasks"
            )
        if measure.classes is None:
            continue
        written = spec.labels.get(measure.task, {})
        _check_names(f"{where}.{measure.task}", written, counts, measure.classes)
        equal = {name: name for name in counts if name in measure.classes}
        names = {**equal, **written}
        used[measure.name] = dict(sorted(names.items()))
        dropped[measure.name] = {n: c for n, c in sorted(counts.items()) if n not in names}
        if len(set(names.values())) < 2:
            raise ProjectError(
                f"{where}: {spec.corpus!r} and the head {spec.head!r} share fewer than two classes "
                f"of {measure.name!r} ({quoted(counts)} against {quoted(measure.classes)}); "
                f"map their classes to the head's, {measure.task}: {{THEIRS: OURS}}"
            )
        kept = [_renamed(label, measure.name, names) for label in kept]
    labelled = [x for x in kept if any(getattr(x, m.name) is not None for m in measures)]
    return MappedLabels(labelled, used, dropped)


def _renamed(label: Label, field: str, names: Mapping[str, str]) -> Label:
    value: Any = names.get(getattr(label, field))
    return replace(label, **{field: value})


def _check_names(
    where: str, written: Mapping[str, str], counts: Mapping[str, int], classes: Sequence[str]
) -> None:
    for theirs, ours in written.items():
        if theirs not in counts:
            raise ProjectError(
                f"{where} names {theirs!r}, a class that the corpus does not have; it has "
                f"{quoted(counts)}.{did_you_mean(theirs, counts)}"
            )
        if ours not in classes:
            raise ProjectError(
                f"{where}.{theirs} is {ours!r}, a class that the head does not have; it has "
                f"{quoted(classes)}.{did_you_mean(ours, classes)}"
            )
