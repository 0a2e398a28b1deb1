"""The report as one self-contained HTML page."""

from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.corpora.embedded import Clip
from app.paths import manifest_path
from app.results.charts import (
    confusion_matrix,
    interval_chart,
    layer_chart,
    reliability_plot,
    robustness_curves,
)
from app.results.curves import learning, pacing
from app.results.figures import figure_rows
from app.results.formats import (
    PLAIN,
    baseline_name,
    limits,
    number,
    p_value,
    signed,
    signed_limits,
    spread,
)
from app.results.methods import methods
from app.results.mistakes import Mistake, mistakes_of
from app.results.provenance import made_from, settings_of, tracks_of
from app.results.remarks import against_probes, against_seeds, by_speaker
from app.results.runs import Results, Run
from app.results.written import WRITERS
from app.tables import DOUBTS, faceless
from features.errors import and_more
from features.manifest import SPLITS, Utterance
from features.specs.heads import METRICS, HeadSpec
from train.scoring.significance import Difference

TEMPLATE = "report.html.j2"
NUM_SPEAKERS = 6
NUM_SELECTED = 12
NUM_MISTAKES = 10
# An utterance's clip, by the corpus that it is in.
SoundOf = Callable[[str, Utterance], Clip | None]
UNITS = {METRICS["numbers"]: "in the units of the labels", METRICS["votes"]: "in nats"}


def render(
    results: Results,
    notes: Mapping[str, Sequence[str]],
    counts: Mapping[str, Sequence[str]],
    differences: Mapping[str, Mapping[str, Difference]],
    best: Collection[tuple[str, str]] = (),
    sound_of: SoundOf = lambda _, __: None,
    scans: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page for runs and transfers, and the names of those that cannot be shown.

    `notes` are those on each corpus, `counts` what it has; `differences` say, by head and measure,
    by how much the first head is above that head. `best` are the measures and heads that are above
    all others. `sound_of` gives the clip of an utterance, if it may be shared. `scans` are those of
    stored layers.
    """
    runs = results.runs
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "baseline_name": baseline_name, "limits": limits, "number": number, "p_value": p_value,
        "signed": signed, "signed_limits": signed_limits, "spread": spread,
    }  # fmt: skip
    return environment.get_template(TEMPLATE).render(
        corpora=sorted({run.spec.corpus for run in runs}),
        tables=_tables(results),
        best=best,
        made_from=made_from(Path()),
        downloads=_downloads(results, best),
        random=sorted({name for run in runs for name in run.random_inputs()}),
        runs=[_view(run, runs, sound_of) for run in runs],
        ensembles=results.ensembles,
        transfers=results.transfers,
        unusable=results.unusable,
        metrics_by_kind=METRICS,
        notes={corpus: lines for corpus, lines in notes.items() if lines},
        counts=counts,
        scans=[{**scan, "plot": layer_chart(scan["layers"], scan["metric"])} for scan in scans],
        differences=differences,
    )


def _downloads(results: Results, best: Collection[tuple[str, str]]) -> dict[str, str]:
    """The tables in each format as addresses that hold them, by the name of the file."""
    rows = list(figure_rows(results))
    endings = {"csv": "csv", "latex": "tex", "markdown": "md", "json": "json"}
    return {
        f"results.{endings[form]}": "data:text/plain;base64,"
        + b64encode(write(rows, best).encode()).decode()
        for form, write in WRITERS.items()
    }


def _intervals(results: Results, measure: str) -> str:
    """The chart of the main figure of every head and ensemble; empty where there is only one."""
    rows = [row for row in figure_rows(results) if row.measure == measure]
    rows = [row for row in rows if row.row in ("single seeds", "ensemble")]
    drawn = []
    for row in rows:
        figure = row.figures[row.main_metric]
        if figure.get("low") is not None:
            name = f"{row.name}, ensemble" if row.row == "ensemble" else row.name
            scale = 1.0 if row.main_metric in PLAIN else 100.0
            drawn.append((name, *(scale * figure[key] for key in ("mean", "low", "high"))))
    return interval_chart(drawn, rows[0].main_metric) if len(drawn) > 1 else ""


def _tables(results: Results) -> list[dict[str, Any]]:
    """One table of figures per measure."""
    runs = results.runs
    metrics_by_measure: dict[str, tuple[str, ...]] = {}
    for run in runs:
        metrics_by_measure |= {name: METRICS[run.kind(name)] for name in run.measures}
    return [
        {
            "measure": measure,
            "metrics": metrics,
            "unit": UNITS.get(metrics, "in per cent"),
            "runs": [run for run in runs if measure in run.measures],
            "intervals": _intervals(results, measure),
        }
        for measure, metrics in metrics_by_measure.items()
    ]


def _view(run: Run, runs: Sequence[Run], sound_of: SoundOf) -> dict[str, Any]:
    """What the template shows of one head, one of some `runs`."""
    classes = [name for name in run.measures if run.kind(name) == "classes"]
    calibration = run.evaluation["calibration"]
    return {
        "run": run,
        "name": run.spec.name,
        "temporal": _by_modality(run, "temporal"),
        "pooling": _by_modality(run, "pooling"),
        "dialogue": _dialogue(run),
        "splits": _splits(run),
        "selection": _selection(run),
        "ensemble": against_seeds(run),
        "standardised": by_speaker(run),
        "against_probes": against_probes(run, runs),
        "shared_speakers": _shared_speakers(run),
        "num_unknown_speakers": max(
            f["num_unknown_speakers"] for f in run.record["folds"].values()
        ),
        "methods": methods(run),
        "settings": settings_of(run),
        "tracks": tracks_of(run),
        "mistakes": _mistakes(run, classes, sound_of),
        "curves": learning(run),
        "pacing": pacing(run),
        "matrices": {name: confusion_matrix(*run.confusion(name)) for name in classes},
        "reliability": {
            name: reliability_plot(fits["plain"]["bins"], fits["tempered"]["bins"])
            for name, fits in calibration.items()
        },
        "robustness": [_robustness(figures) for figures in run.evaluation["damage"]],
        "faceless": [
            f"{run.spec.inputs[modality]}: {note}"
            for modality, store in run.record["stores"].items()
            if (note := faceless(store.get("facts", {})))
        ],
        "doubtful": [
            f"{run.spec.inputs[modality]}: {doubt(ids)}"
            for modality, store in run.record["stores"].items()
            for name, doubt in DOUBTS.items()
            if (ids := store["doubtful"].get(name))
        ],
        "missing": [
            f"{run.spec.inputs[modality]}: {count} {reason}"
            for modality, store in run.record["stores"].items()
            for reason, count in store["missing"].items()
        ],
    }


def _mistakes(
    run: Run, measures: Sequence[str], sound_of: SoundOf
) -> dict[str, list[tuple[Mistake, Clip | None]]]:
    """The most confident mistakes of a head and their clips; none where the manifest is gone."""
    corpus = run.spec.corpus
    if not manifest_path(corpus).exists():
        return {}
    return {
        measure: [
            (mistake, sound_of(corpus, mistake.utterance))
            for mistake in mistakes_of(run, measure)[:NUM_MISTAKES]
        ]
        for measure in measures
    }


def _by_modality(run: Run, module: str) -> str:
    """The leaf of every modality, named once if all have the same."""
    if not isinstance(run.spec, HeadSpec):
        return ""
    codes = {name: leaf.code for name, leaf in getattr(run.spec, module).items()}
    if len(set(codes.values())) == 1:
        return str(next(iter(codes.values())))
    return ", ".join(f"{code} ({name})" for name, code in codes.items())


def _dialogue(run: Run) -> str:
    """How the utterances of a dialogue are read together; empty if they are not."""
    leaf = run.spec.dialogue if isinstance(run.spec, HeadSpec) else None
    if leaf is None or leaf.code == "none":
        return "" if leaf is None else "none"
    speakers = ", with speakers" if leaf.options.get("speakers", "none") != "none" else ""
    context = "past turns only" if leaf.options.get("causal") else "whole dialogues"
    return f"{leaf.code}, {context}{speakers}"


def _robustness(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Results with noise on one modality, or without it."""
    metric = figures["metric"]
    scale = 1.0 if metric in PLAIN else 100.0
    missing = [f"{name} {spread(metric, value)}" for name, value in figures["missing"].items()]
    plot = robustness_curves(figures, scale)
    return {"measure": figures["measure"], "plot": plot, "missing": missing}


def _splits(run: Run) -> str:
    """How many utterances each split has."""
    folds = list(run.record["folds"].values())
    counts = {split: [fold["num_utterances"][split] for fold in folds] for split in SPLITS}
    if len(folds) == 1:
        return ", ".join(f"{values[0]} {split}" for split, values in counts.items()) + " utterances"
    ranges = {split: f"{min(values)} to {max(values)} {split}" for split, values in counts.items()}
    return f"{len(folds)} folds of {ranges['train']}, {ranges['dev']}, {ranges['test']} utterances"


def _selection(run: Run) -> str:
    """What was selected on which dev set, and what confidence intervals resample."""
    spec, folds = run.spec, list(run.record["folds"].values())
    is_drawn = folds[0]["dev_drawn"]
    unit = "whole speakers" if spec.protocol.dev_unit == "speaker" else "whole dialogues"
    dev = (
        f"a dev set drawn from the training split ({unit})" if is_drawn else "the corpus's dev set"
    )
    selected = [f"{value:g}" for fold in folds for value in fold["chosen"]]
    kind = "epoch" if isinstance(spec, HeadSpec) else "penalty strength"
    more = ", ..." if len(selected) > NUM_SELECTED else ""
    values = f"{', '.join(selected[:NUM_SELECTED])}{more}"
    resampled = run.evaluation["resampled"]
    return (
        (f"Started from the weights of {spec.start}. " if spec.start else "")
        + (f"Distilled from {spec.teacher} as well. " if spec.teacher else "")
        + f"Protocol {spec.protocol.leaf.code}. The {kind} was selected by "
        f"{spec.choose_by.replace('_', ' ')} on {dev}: {values}. Confidence intervals: bootstrap "
        f"over the {resampled['count']} {resampled['unit']}s of the test set."
    )


def _shared_speakers(run: Run) -> str:
    """Speakers of the test set who are in the training split or the dev set as well."""
    folds = run.record["folds"].values()
    names = sorted({name for fold in folds for name in fold["shared_speakers"]})
    return and_more(names, NUM_SPEAKERS)
