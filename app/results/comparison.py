"""Compares two heads on the utterances that both were tested on."""

from collections.abc import Callable, Sequence

from app.results.runs import Run
from features.errors import ProjectError
from features.manifest import Label
from train.runs.stored_predictions import read_predictions
from train.scoring.measure import measures_of
from train.scoring.metrics import LOWER_IS_BETTER
from train.scoring.significance import Difference, clusters, paired

Differences = dict[str, dict[str, Difference]]
LEVEL = 0.05


def compared(first: Run, second: Run, labels: Sequence[Label]) -> Differences:
    """By how much `first` is above `second`, with interval and p, by measure and metric.

    Raises ProjectError if their test sets differ or they predict nothing in common.
    """
    names = f"{first.spec.name!r} and {second.spec.name!r}"
    if first.spec.corpus != second.spec.corpus:
        raise ProjectError(
            f"{names} were tested on different corpora, {first.spec.corpus!r} and "
            f"{second.spec.corpus!r}; compare heads of one corpus and protocol"
        )
    facts = next(iter(first.record["facts"].values()))
    measures = {measure.name: measure for measure in measures_of(first.spec, facts)}
    others = second.measures
    shared = [name for name, classes in first.measures.items() if classes == others.get(name, ())]
    predictions = [
        read_predictions(run.predictions, [measures[name] for name in shared], labels)["test"]
        for run in (first, second)
    ]
    ids = [[label.id for label in own.labels] for own in predictions]
    if set(ids[0]) != set(ids[1]):
        raise ProjectError(
            f"{names} were tested on different utterances ({len(ids[0])} and {len(ids[1])}, "
            f"{len({*ids[0]} & {*ids[1]})} in common); compare heads of one corpus and protocol"
        )
    if not shared:
        raise ProjectError(f"{names} predict nothing in common; compare heads with the same tasks")
    rows = {name: row for row, name in enumerate(ids[1])}
    aligned = [predictions[0], predictions[1].rows([rows[name] for name in ids[0]])]
    tested = predictions[0].labels
    _, cluster_names = clusters(tested)
    differences: Differences = {}
    for name in shared:
        measure = measures[name]
        truth = measure.truth(tested)
        one, other = (measure.tallies(truth, own.predicted[name]) for own in aligned)
        differences[name] = paired(measure, one, other, cluster_names)
    return differences


def best_heads(
    runs: Sequence[Run], load_labels: Callable[[str], Sequence[Label]]
) -> set[tuple[str, str]]:
    """Measure and name of each head that is above every other on its test set, by the paired test.

    The head with the best mean is compared with each other head of the same corpus and protocol, in
    the metric that it is judged by; all p values must be below LEVEL. A single head is never
    the best, and neither is one that cannot be compared with all the others.
    """
    best = set()
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        for measure in run.measures:
            key = (measure, run.spec.corpus, str(run.spec.protocol))
            groups.setdefault(key, []).append(run)
    for (measure, corpus, _), own in groups.items():
        metric = own[0].shown_metric(measure)
        sign = -1 if metric in LOWER_IS_BETTER else 1
        means = [sign * run.metrics["test"][measure][metric]["mean"] for run in own]
        first = own[means.index(max(means))]
        rivals = [run for run in own if run is not first]
        labels = load_labels(corpus) if rivals else ()
        if rivals and all(_is_above(first, run, measure, metric, labels) for run in rivals):
            best.add((measure, first.spec.name))
    return best


def _is_above(first: Run, second: Run, measure: str, metric: str, labels: Sequence[Label]) -> bool:
    try:
        p_value = compared(first, second, labels)[measure][metric].p
    except (ProjectError, KeyError):
        return False
    return p_value is not None and p_value < LEVEL
