"""The plots over the epochs of a head's training."""

from typing import Any

from app.results.charts import learning_curves, pacing_curves
from app.results.runs import Run
from features.specs.heads import HeadSpec

# Columns of curves.csv that a curriculum or a schedule changes, and their names in the report.
PACED = {
    "train_share": "share of the training split",
    "train_difficulty": "mean difficulty of this share",
    "dropout": "dropout",
}


def pacing(run: Run) -> str:
    """The curriculum and the dropout in the longest training; empty if neither changes."""
    paced = {title: column for column, title in PACED.items() if column in run.curves[0]}
    if not paced:
        return ""
    by_training: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in run.curves:
        by_training.setdefault((row["fold"], row["seed"]), []).append(row)
    rows = max(by_training.values(), key=len)
    return pacing_curves(
        [int(row["epoch"]) for row in rows],
        {title: [float(row[column]) for row in rows] for title, column in paced.items()},
    )


def learning(run: Run) -> str:
    """Training loss and the metric of selection, of the first measure that has it."""
    selecting = [name for name in run.measures if run.shown_metric(name) == run.spec.choose_by]
    measure = next(iter(selecting), next(iter(run.measures)))
    metric = run.shown_metric(measure)
    has_folds = len(run.record["folds"]) > 1
    lines: dict[str, list[dict[str, str]]] = {}
    for row in run.curves:
        name = f"{row['fold']}, seed {row['seed']}" if has_folds else f"seed {row['seed']}"
        lines.setdefault(name, []).append(row)

    def curve(column: str) -> Any:
        return {
            name: ([int(row["epoch"]) for row in rows], [float(row[column]) for row in rows])
            for name, rows in lines.items()
        }

    return learning_curves(
        curve("train_loss"),
        curve(f"dev_{measure}_{metric}"),
        f"{measure} {metric.replace('_', ' ')}",
        "epoch" if isinstance(run.spec, HeadSpec) else "penalty, weakest last",
    )
