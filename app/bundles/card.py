"""The model card of a bundle: README.md as the Hugging Face hub reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.results.formats import limits, number, spread
from features.specs.heads import METRICS

PIPELINE_TAGS = {"text": "text-classification", "audio": "audio-classification"}


def model_card(
    record: Mapping[str, Any], metrics: Mapping[str, Any], evaluation: Mapping[str, Any]
) -> str:
    """The card of a bundle with this record, and the figures that its run measured."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
    head = record["head"]
    inputs = {m: name for m, name in head["inputs"].items() if name != "none"}
    return environment.get_template("card.md.j2").render(
        name=record["name"],
        head=head,
        inputs=inputs,
        pipeline_tag=PIPELINE_TAGS.get(next(iter(inputs)), "other")
        if len(inputs) == 1
        else "any-to-any",
        measures=record["measures"],
        rows=[row for name in record["measures"] for row in _rows(name, record, metrics)],
        results=[row for name in record["measures"] for row in _results(name, record, metrics)],
        folds=list(record["facts"]),
        seeds=head.get("training", {}).get("seeds", [0]),
        backbones=record["extraction"]["backbones"],
        stores=record["stores"],
        carried=record["carried"],
        coverage=evaluation["coverage"],
        calibration_errors=evaluation["calibration"],
        num_parameters=record["num_parameters"],
        versions=record["versions"],
    )


def _rows(measure: str, record: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[list[str]]:
    """A row for each metric: mean and deviation over seeds, interval, majority baseline."""
    rows = []
    for metric in METRICS[record["measures"][measure]["kind"]]:
        figure = metrics["test"][measure][metric]
        baseline = number(metric, metrics["majority"][measure][metric])
        mean, interval = spread(metric, figure), limits(metric, figure)
        rows.append([measure, metric, mean, interval, baseline])
    return rows


def _results(
    measure: str, record: Mapping[str, Any], metrics: Mapping[str, Any]
) -> list[tuple[str, str, float]]:
    names = METRICS[record["measures"][measure]["kind"]]
    return [(measure, name, round(metrics["test"][measure][name]["mean"], 4)) for name in names]
