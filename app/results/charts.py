"""The plots of the report as inline SVG: the same figures give the same bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from app.results.formats import PLAIN

INK = "#5b6470"
COLOURS = ("#1f6f8b", "#c8553d", "#588157", "#8e6c8a", "#d9a441")
STYLE: Any = {
    "svg.hashsalt": "permafrost",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    # Class names are text, also those with dollar signs.
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
Curve = tuple[Sequence[float], Sequence[float]]


def learning_curves(
    losses: Mapping[str, Curve], scores: Mapping[str, Curve], metric: str, axis: str = "epoch"
) -> str:
    """Training loss and dev score by epoch or penalty, one line per seed and fold."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 2.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, curves, name in ((left, losses, "train loss"), (right, scores, f"dev {metric}")):
            for (seed, (epochs, values)), colour in zip(curves.items(), _cycle(), strict=False):
                axes.plot(epochs, values, color=colour, linewidth=1.4, label=seed)
            axes.set_xlabel(axis)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_title(name, loc="left", color=INK, fontsize=9)
            axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        if len(losses) <= len(COLOURS):
            left.legend(frameon=False, fontsize=8, labelcolor=INK)
        return _svg(figure)


def layer_chart(layers: Sequence[Mapping[str, Any]], metric: str) -> str:
    """The score of each layer with each pooling, and the interval of the best of each layer."""
    names = list(dict.fromkeys(str(layer["name"]) for layer in layers))
    poolings = list(dict.fromkeys(layer["pooling"] for layer in layers))
    scale = 1.0 if metric in PLAIN else 100.0
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 3.0), layout="constrained")
        axes = figure.subplots()
        numbered = [name for name in names if name.isdigit()]
        for pooling, colour in zip(poolings, COLOURS, strict=False):
            own = {str(x["name"]): scale * x["figure"] for x in layers if x["pooling"] == pooling}
            # The mean of all layers is no step in their order: it has no line to it.
            style: Any = {"color": colour, "linewidth": 1.2, "markersize": 4}
            axes.plot(numbered, [own[name] for name in numbered], "o-", label=pooling, **style)
            others = [name for name in names if name not in numbered]
            axes.plot(others, [own[name] for name in others], "o", **style)
        for place, name in enumerate(names):
            best = max((x for x in layers if str(x["name"]) == name), key=lambda x: x["figure"])
            if best["low"] is not None:
                limits = (scale * best["low"], scale * best["high"])
                axes.plot([place, place], limits, color=INK, linewidth=0.8, zorder=0)
        axes.set_xlabel("layer")
        axes.set_title(f"dev {metric.replace('_', ' ')}", loc="left", color=INK, fontsize=9)
        figure.legend(
            loc="outside lower center", frameon=False, fontsize=8, labelcolor=INK,
            ncols=len(poolings),
        )  # fmt: skip
        return _svg(figure)


def pacing_curves(epochs: Sequence[int], paced: Mapping[str, Sequence[float]]) -> str:
    """What a curriculum or a dropout schedule changed by epoch, as shares from 0 to 1."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.1), layout="constrained")
        axes = figure.subplots()
        for (name, values), colour in zip(paced.items(), COLOURS, strict=False):
            axes.plot(epochs, values, color=colour, linewidth=1.4, label=name)
        axes.set_ylim(0, 1.05)
        axes.set_xlabel("epoch")
        axes.set_title("by epoch", loc="left", color=INK, fontsize=9)
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
        return _svg(figure)


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Rows are true classes; cells have their share of the row in per cent, and their count."""
    table = np.asarray(counts, float)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    size = 1.2 + 0.48 * len(classes)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(size + 0.5, size), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row in range(len(classes)):
            for column in range(len(classes)):
                share = shares[row, column]
                colour = "white" if share > 0.55 else INK
                place: Any = {"ha": "center", "color": colour}
                axes.text(column, row, f"{100 * share:.0f}", va="bottom", fontsize=8, **place)
                count = f"{int(table[row, column])}"
                axes.text(column, row, count, va="top", fontsize=6, **place)
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axes.set_yticks(range(len(classes)), classes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        return _svg(figure)


def reliability_plot(plain: Sequence[Mapping[str, float]], tempered: Sequence[Any]) -> str:
    """Accuracy of the predicted class by its confidence; a calibrated head is on the diagonal."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6, 2.5), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
        lines = ((plain, "uncalibrated"), (tempered, "temperature-scaled"))
        for (bins, name), colour in zip(lines, COLOURS, strict=False):
            x, y = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
            axes.plot(x, y, color=colour, linewidth=1.4, marker="o", markersize=3, label=name)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("confidence")
        axes.set_title("accuracy", loc="left", color=INK, fontsize=9)
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
        return _svg(figure)


def robustness_curves(robustness: Mapping[str, Any], scale: float) -> str:
    """A metric under noise on each modality; dashed lines: the modality is missing."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.5), layout="constrained")
        axes = figure.subplots()
        for (name, points), colour in zip(robustness["noise"].items(), _cycle(), strict=False):
            levels = [0.0, *(point["level"] for point in points)]
            values = [robustness["whole"], *points]
            means = [scale * value["mean"] for value in values]
            deviations = [scale * value["std"] for value in values]
            axes.errorbar(levels, means, deviations, color=colour, linewidth=1.4, label=name)
            if name in robustness["missing"]:
                without = scale * robustness["missing"][name]["mean"]
                axes.axhline(without, color=colour, linewidth=0.9, linestyle="--")
        axes.set_xlabel("noise, in standard deviations")
        axes.set_title(robustness["metric"].replace("_", " "), loc="left", color=INK, fontsize=9)
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
        return _svg(figure)


def interval_chart(rows: Sequence[tuple[str, float, float, float]], metric: str) -> str:
    """The figure of each head with its confidence interval, the first at the top."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 0.6 + 0.26 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for place, (_, mean, low, high) in enumerate(reversed(rows)):
            axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=2)
            axes.plot([mean], [place], color=COLOURS[0], marker="o", markersize=5)
        axes.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(metric.replace("_", " "))
        axes.grid(axis="x", color="#d9dee3", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        return _svg(figure)


def _cycle() -> list[str]:
    return [COLOURS[n % len(COLOURS)] for n in range(100)]


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
