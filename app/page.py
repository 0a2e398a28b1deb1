"""The report as one HTML page that loads nothing from anywhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.charts import confusion_matrix, learning_curves
from app.runs import METRICS, Run
from app.tables import faceless

TEMPLATE = "report.html.j2"


def render(runs: Sequence[Run]) -> str:
    """The page for some runs: tables of figures, learning curves, confusion matrices."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        corpora=sorted({run.spec.corpus for run in runs}),
        tasks=sorted({task for run in runs for task in run.spec.tasks}),
        metrics=METRICS,
        random=sorted({name for run in runs for name in run.random_inputs()}),
        runs=[_view(run) for run in runs],
    )


def _view(run: Run) -> dict[str, Any]:
    """One head as the template shows it."""
    training = run.spec.training
    seeds = sorted({row["seed"] for row in run.curves}, key=int)
    metric = f"{next(iter(run.spec.tasks))}_{training.choose_by}"
    by_seed = {seed: [row for row in run.curves if row["seed"] == seed] for seed in seeds}

    def curve(column: str) -> Any:
        return {
            seed: ([int(row["epoch"]) for row in rows], [float(row[column]) for row in rows])
            for seed, rows in by_seed.items()
        }

    return {
        "run": run,
        "name": run.spec.name,
        "tasks": list(run.spec.tasks),
        "parts": run.record["num_utterances"],
        "curves": learning_curves(curve("train_loss"), curve(f"dev_{metric}"), training.choose_by),
        "matrices": {task: confusion_matrix(*run.confusion(task)) for task in run.spec.tasks},
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
