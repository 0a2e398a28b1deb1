"""Figures as people read them: per cent for classes, plain for numbers, with their intervals."""

from collections.abc import Mapping
from typing import Any

from features.specs.heads import METRICS

# Figures of numbers are in the units of the labels; all others are fractions.
PLAIN = METRICS["numbers"]


def spread(metric: str, value: Mapping[str, Any]) -> str:
    """Mean and deviation over seeds, such as ``61.2 ± 0.4`` per cent; one seed has no deviation."""
    told = number(metric, value["mean"])
    alone = len(value.get("seeds", (0, 0))) < 2
    return told if alone else f"{told} ± {number(metric, value['std'])}"


def limits(metric: str, value: Mapping[str, Any]) -> str:
    """The interval, such as ``59.8 to 62.4``; empty where there is none."""
    if value.get("low") is None:
        return ""
    return f"{number(metric, value['low'])} to {number(metric, value['high'])}"


def number(metric: str, value: float) -> str:
    """One figure, in per cent unless it is a metric of numbers."""
    if metric in PLAIN:
        return f"{value:.3f}" if metric == "ccc" else f"{value:.2f}"
    return f"{100 * value:.1f}"


def signed(metric: str, value: float) -> str:
    """A difference, with its sign."""
    told = number(metric, value)
    return told if told.startswith("-") else f"+{told}"


def p_value(value: float | None) -> str:
    """A p value as one writes it; empty where there is none."""
    if value is None:
        return ""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
