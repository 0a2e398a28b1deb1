"""The plots of the report as inline SVG: the same figures give the same bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

INK = "#5b6470"
COLOURS = ("#1f6f8b", "#c8553d", "#588157", "#8e6c8a", "#d9a441")
STYLE: Any = {
    "svg.hashsalt": "permafrost",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
Curve = tuple[Sequence[float], Sequence[float]]


def learning_curves(losses: Mapping[str, Curve], scores: Mapping[str, Curve], metric: str) -> str:
    """Training loss and dev score by epoch, one line per seed."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 2.1), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, curves, name in ((left, losses, "train loss"), (right, scores, f"dev {metric}")):
            for (seed, (epochs, values)), colour in zip(curves.items(), _cycle(), strict=False):
                axes.plot(epochs, values, color=colour, linewidth=1.4, label=f"seed {seed}")
            axes.set_xlabel("epoch")
            axes.set_title(name, loc="left", color=INK, fontsize=9)
            axes.set_ylim(bottom=0)
        left.legend(frameon=False, fontsize=8, labelcolor=INK)
        return _svg(figure)


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Rows are true classes, shaded and labelled by the share of the row; counts would mislead."""
    table = np.asarray(counts, float)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    size = 1.1 + 0.42 * len(classes)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(size + 0.5, size), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row in range(len(classes)):
            for column in range(len(classes)):
                share = shares[row, column]
                colour = "white" if share > 0.55 else INK
                text = f"{100 * share:.0f}"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axes.set_yticks(range(len(classes)), classes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        return _svg(figure)


def _cycle() -> list[str]:
    return [COLOURS[n % len(COLOURS)] for n in range(100)]


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
