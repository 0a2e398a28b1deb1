"""The report as one HTML page that loads nothing from anywhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.results.charts import confusion_matrix, damage_curves, reliability_plot
from app.results.curves import learning, pacing
from app.results.formats import limits, number, p_value, signed, spread
from app.results.runs import Run, Transfer
from app.tables import faceless
from features.manifest import SPLITS
from features.specs.heads import METRICS, HeadSpec
from train.scoring.significance import Difference

TEMPLATE = "report.html.j2"
NAMED_SPEAKERS = 6


def render(
    runs: Sequence[Run],
    transfers: Sequence[Transfer],
    notes: Mapping[str, Sequence[str]],
    differences: Mapping[str, Mapping[str, Difference]],
) -> str:
    """The page for some runs and transfers.

    `notes` are what is doubtful about each corpus; `differences` by head say by how much the
    first head is above it, by measure.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "limits": limits, "number": number, "p_value": p_value, "signed": signed, "spread": spread,
    }  # fmt: skip
    return environment.get_template(TEMPLATE).render(
        corpora=sorted({run.spec.corpus for run in runs}),
        tables=_tables(runs),
        random=sorted({name for run in runs for name in run.random_inputs()}),
        runs=[_view(run) for run in runs],
        transfers=transfers,
        metrics_by_kind=METRICS,
        notes={corpus: lines for corpus, lines in notes.items() if lines},
        differences=differences,
    )


def _tables(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One table of figures per measure."""
    found: dict[str, tuple[str, ...]] = {}
    for run in runs:
        found |= {name: METRICS[run.kind(name)] for name in run.measures}
    return [
        {
            "measure": measure,
            "metrics": metrics,
            "unit": "in units of the labels" if metrics == METRICS["numbers"] else "in per cent",
            "runs": [run for run in runs if measure in run.measures],
        }
        for measure, metrics in found.items()
    ]


def _view(run: Run) -> dict[str, Any]:
    """One head as the template shows it."""
    classes = [name for name in run.measures if run.kind(name) == "classes"]
    calibration = run.evaluation["calibration"]
    return {
        "run": run,
        "name": run.spec.name,
        "temporal": _by_modality(run, "temporal"),
        "pooling": _by_modality(run, "pooling"),
        "dialogue": _dialogue(run),
        "parts": _parts(run),
        "how": _how(run),
        "shared": _shared(run),
        "unknown": max(f["num_unknown_speakers"] for f in run.record["folds"].values()),
        "curves": learning(run),
        "pacing": pacing(run),
        "matrices": {name: confusion_matrix(*run.confusion(name)) for name in classes},
        "reliability": {
            name: reliability_plot(told["plain"]["bins"], told["tempered"]["bins"])
            for name, told in calibration.items()
        },
        "damage": [_damage(told) for told in run.evaluation["damage"]],
        "faceless": [
            f"{run.spec.inputs[modality]}: {said}"
            for modality, store in run.record["stores"].items()
            if (said := faceless(store.get("facts", {})))
        ],
        "missing": [
            f"{run.spec.inputs[modality]}: {count} {reason}"
            for modality, store in run.record["stores"].items()
            for reason, count in store["missing"].items()
        ],
    }


def _by_modality(run: Run, part: str) -> str:
    """The leaf of every modality, named once where all have the same."""
    if not isinstance(run.spec, HeadSpec):
        return ""
    codes = {name: leaf.code for name, leaf in getattr(run.spec, part).items()}
    if len(set(codes.values())) == 1:
        return str(next(iter(codes.values())))
    return ", ".join(f"{code} ({name})" for name, code in codes.items())


def _dialogue(run: Run) -> str:
    """How utterances of a dialogue see each other; empty where they do not."""
    leaf = run.spec.dialogue if isinstance(run.spec, HeadSpec) else None
    if leaf is None or leaf.code == "none":
        return "" if leaf is None else "none"
    told = ", told who is the same" if leaf.options.get("speakers", "none") != "none" else ""
    past = "the past alone" if leaf.options.get("causal") else "whole dialogues"
    return f"{leaf.code}, {past}{told}"


def _damage(told: Mapping[str, Any]) -> dict[str, Any]:
    scale = 1.0 if told["metric"] in METRICS["numbers"] else 100.0
    gone = [f"{name} {spread(told['metric'], value)}" for name, value in told["missing"].items()]
    return {"measure": told["measure"], "plot": damage_curves(told, scale), "missing": gone}


def _parts(run: Run) -> str:
    """How many utterances train, choose and test."""
    folds = list(run.record["folds"].values())
    counts = {split: [fold["num_utterances"][split] for fold in folds] for split in SPLITS}
    if len(folds) == 1:
        return ", ".join(f"{values[0]} {split}" for split, values in counts.items()) + " utterances"
    ranges = {split: f"{min(values)} to {max(values)} {split}" for split, values in counts.items()}
    return f"{len(folds)} folds of {ranges['train']}, {ranges['dev']}, {ranges['test']} utterances"


def _how(run: Run) -> str:
    """What was chosen on what."""
    spec, folds = run.spec, list(run.record["folds"].values())
    drawn = folds[0]["dev_drawn"]
    unit = "whole speakers" if spec.protocol.dev_unit == "speaker" else "whole dialogues"
    dev = f"a dev part drawn from the training part ({unit})" if drawn else "the corpus's dev part"
    chosen = [f"{value:g}" for fold in folds for value in fold["chosen"]]
    what = "epoch" if isinstance(spec, HeadSpec) else "penalty strength"
    shown = ", ".join(chosen) if len(chosen) <= 12 else f"{', '.join(chosen[:12])}, ..."
    resampled = run.evaluation["resampled"]
    return (
        (f"Started from the weights of {spec.start}. " if spec.start else "")
        + f"Protocol {spec.protocol.leaf.code}. The {what} was chosen by "
        f"{spec.choose_by.replace('_', ' ')} on {dev}: {shown}. Intervals draw the "
        f"{resampled['count']} {resampled['unit']}s of the test part again."
    )


def _shared(run: Run) -> str:
    """Who is tested and trained on."""
    folds = run.record["folds"].values()
    names = sorted({name for fold in folds for name in fold["shared_speakers"]})
    if not names:
        return ""
    more = f" and {len(names) - NAMED_SPEAKERS} more" if len(names) > NAMED_SPEAKERS else ""
    return f"{', '.join(names[:NAMED_SPEAKERS])}{more}"
