"""The labels of one corpus under the names of another, class by class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import Label
from features.specs.heads import TransferSpec
from train.scoring.measure import Measure


@dataclass(frozen=True)
class Mapped:
    """The labels of the other corpus under the names of the head's, and what that leaves out.

    `used` says per measure which class became which, `dropped` how many utterances each class
    without a counterpart has.
    """

    labels: list[Label]
    used: dict[str, dict[str, str]]
    dropped: dict[str, dict[str, int]]


def map_labels(spec: TransferSpec, measures: Sequence[Measure], labels: Sequence[Label]) -> Mapped:
    """Give every class the name that the head knows it by; drop utterances of all others.

    Raises ProjectError where the mapping names a class that either corpus lacks, and where less
    than two classes are left.
    """
    where = f"params.yaml: transfers.{spec.name}.labels"
    used: dict[str, dict[str, str]] = {}
    dropped: dict[str, dict[str, int]] = {}
    kept = list(labels)
    for measure in measures:
        values = [getattr(label, measure.name) for label in labels]
        found = Counter(value for value in values if value is not None)
        if not found:
            raise ProjectError(
                f"{where}: no utterance of {spec.corpus!r} has the label {measure.name!r}, which "
                f"the head {spec.head!r} predicts; transfer a head with other tasks"
            )
        if measure.classes is None:
            continue
        asked = spec.labels.get(measure.task, {})
        _check_names(f"{where}.{measure.task}", asked, found, measure.classes)
        own = {name: name for name in found if name in measure.classes}
        names = {**own, **asked}
        used[measure.name] = dict(sorted(names.items()))
        dropped[measure.name] = {n: c for n, c in sorted(found.items()) if n not in names}
        if len(set(names.values())) < 2:
            raise ProjectError(
                f"{where}: {spec.corpus!r} and the head {spec.head!r} share less than two classes "
                f"of {measure.name!r} ({quoted(sorted(found))} against {quoted(measure.classes)}); "
                f"say which is which, {measure.task}: {{THEIRS: OURS}}"
            )
        kept = [replace(x, **{measure.name: names.get(getattr(x, measure.name))}) for x in kept]  # type: ignore[arg-type]
    known = [x for x in kept if any(getattr(x, m.name) is not None for m in measures)]
    return Mapped(known, used, dropped)


def _check_names(
    where: str, asked: Mapping[str, str], found: Mapping[str, int], classes: Sequence[str]
) -> None:
    for theirs, ours in asked.items():
        if theirs not in found:
            raise ProjectError(
                f"{where} names {theirs!r}, a class that the corpus does not have; it has "
                f"{quoted(sorted(found))}.{did_you_mean(theirs, found)}"
            )
        if ours not in classes:
            raise ProjectError(
                f"{where}.{theirs} is {ours!r}, a class that the head does not know; it knows "
                f"{quoted(classes)}.{did_you_mean(ours, classes)}"
            )
