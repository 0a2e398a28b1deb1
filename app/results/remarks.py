"""Remarks on a head in the report: against its probes, its seeds, and whose means it used."""

from collections.abc import Sequence

from app.results.formats import number, p_value, signed, signed_limits
from app.results.runs import Run
from features.specs.heads import HeadSpec
from train.scoring.metrics import LOWER_IS_BETTER


def against_probes(run: Run, runs: Sequence[Run]) -> list[str]:
    """For each measure whether a network is better on the dev set than the best probe.

    Probes with the same corpus and protocol, and no other inputs, are compared. A head that
    is better gets no remark.
    """
    if not isinstance(run.spec, HeadSpec):
        return []
    lines = []
    for measure in run.measures:
        probes = [other for other in runs if _is_probe_of(run, other, measure)]
        if not probes:
            continue
        metric = run.shown_metric(measure)
        sign = -1 if metric in LOWER_IS_BETTER else 1
        best = max(probes, key=lambda other: sign * _on_dev(other, measure, metric))
        own, others = _on_dev(run, measure, metric), _on_dev(best, measure, metric)
        if sign * own <= sign * others:
            lines.append(
                f"Not better than the probe {best.spec.name} on the dev set: {measure}, "
                f"{metric.replace('_', ' ')} {number(metric, own)} against "
                f"{number(metric, others)}."
            )
    return lines


def _is_probe_of(run: Run, other: Run, measure: str) -> bool:
    spec = other.spec
    return (
        not isinstance(spec, HeadSpec)
        and (spec.corpus, spec.protocol) == (run.spec.corpus, run.spec.protocol)
        and spec.used_inputs.items() <= run.spec.used_inputs.items()
        and other.measures.get(measure, ()) == run.measures[measure]
    )


def _on_dev(run: Run, measure: str, metric: str) -> float:
    return float(run.metrics["dev"][measure][metric]["mean"])


def against_seeds(run: Run) -> list[str]:
    """By how much the ensemble of the seeds differs from their mean on the test set."""
    lines = []
    for measure, differences in run.evaluation["against_seeds"].items():
        metric = run.shown_metric(measure)
        difference = differences[metric]
        limits = signed_limits(metric, (difference["low"], difference["high"]))
        lines.append(
            f"{measure}: the ensemble of the {run.num_seeds} seeds differs from their mean by "
            f"{signed(metric, difference['value'])} in {metric.replace('_', ' ')}"
            + (" (lower is better)" if metric in LOWER_IS_BETTER else "")
            + (f", 95 % CI {limits}, p {p_value(difference['p'])}." if limits else ".")
        )
    return lines


def by_speaker(run: Run) -> list[str]:
    """What standardising by speaker sees, and whom it could not be done for."""
    counts: dict[str, list[int]] = {}
    for fold in run.record["folds"].values():
        for modality, own in fold["standardised"].items():
            total = counts.setdefault(modality, [0, 0, 0])
            for place, name in enumerate(("speakers", "by_speaker", "by_corpus")):
                total[place] += own[name]
    return [
        f"The {modality} tracks are standardised by the mean and standard deviation of each "
        "speaker, without labels: this uses all test utterances of a test speaker at once, which "
        f"a system for single clips does not have. In the test set, {of_speakers} tracks of "
        f"{speakers} speakers were standardised this way; {of_corpus} tracks, of unknown speakers "
        "or of speakers with a single track, were standardised by the training split."
        for modality, (speakers, of_speakers, of_corpus) in counts.items()
    ]
