"""Formats figures: per cent for classes and pairs, plain for numbers and votes."""

from collections.abc import Mapping
from typing import Any

from features.specs.heads import METRICS

Limits = tuple[float, float] | tuple[None, None]
# Figures of numbers are in the units of the labels, divergences in nats; all others are fractions.
PLAIN = (*METRICS["numbers"], *METRICS["votes"])
THREE_DECIMALS = ("ccc", *METRICS["votes"])


def baseline_name(kind: str) -> str:
    """What the baseline that predicts the same of every utterance is called."""
    return "mean baseline" if kind in ("numbers", "votes") else "majority baseline"


def spread(metric: str, value: Mapping[str, Any]) -> str:
    """Mean and standard deviation over seeds, such as ``61.2 ± 0.4``; of one seed only the mean."""
    mean = number(metric, value["mean"])
    has_one_seed = len(value.get("seeds", (0, 0))) < 2
    return mean if has_one_seed else f"{mean} ± {number(metric, value['std'])}"


def limits(metric: str, value: Mapping[str, Any]) -> str:
    """The confidence interval, such as ``59.8 to 62.4``; empty if there is none."""
    if value.get("low") is None:
        return ""
    return f"{number(metric, value['low'])} to {number(metric, value['high'])}"


def number(metric: str, value: float) -> str:
    """One figure, in per cent unless it is a metric of numbers."""
    if metric in PLAIN:
        return f"{value:.3f}" if metric in THREE_DECIMALS else f"{value:.2f}"
    return f"{100 * value:.1f}"


def signed(metric: str, value: float) -> str:
    """A difference, with its sign."""
    text = number(metric, value)
    return text if text.startswith("-") else f"+{text}"


def signed_limits(metric: str, limits: Limits) -> str:
    """The confidence interval of a difference; empty if there is none."""
    low, high = limits
    if low is None or high is None:
        return ""
    return f"{signed(metric, low)} to {signed(metric, high)}"


def p_value(value: float | None) -> str:
    """A p value with three decimals; empty if there is none."""
    if value is None:
        return ""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
