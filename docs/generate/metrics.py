"""The page with every metric: its formula, its source, and which direction is better."""

from collections.abc import Sequence

from features.errors import ProjectError
from features.params.yaml_files import read_yaml
from features.source import ROOT
from features.specs.heads import METRICS
from train.scoring.metrics import LOWER_IS_BETTER

FORMULAS = ROOT / "docs" / "generate" / "metrics.yaml"
INTRODUCTION = """# Every metric

Averages over classes are over those that occur in the true labels. With N utterances, n_c of class
c, TP_c of them predicted right and P_c predicted as c, F1_c = 2 TP_c / (n_c + P_c). Predictions of
all folds are put together before a metric is computed. [Protocols](../explanation/protocols.md)
says how figures are selected, and where their confidence intervals and baselines come from.
"""
KINDS = {
    "classes": "Classes (emotion, sentiment, depression, is-cause)",
    "numbers": "Numbers (valence, arousal, dominance, PHQ-8)",
    "pairs": "Pairs of an utterance with an emotion and one that causes it",
    "votes": "Distributions of annotators' votes",
}
# Figures beside the metrics, in the same file.
OTHERS = "others"


def page() -> str:
    """The page. Raises ProjectError where the formulas and the code name different metrics."""
    formulas = read_yaml(FORMULAS)
    others = formulas.pop(OTHERS)
    named = {kind: tuple(metrics) for kind, metrics in formulas.items()}
    if named != METRICS:
        raise ProjectError(f"{FORMULAS.name} has {named}; the code has {METRICS}")
    blocks = [INTRODUCTION]
    for kind, metrics in formulas.items():
        rows = [
            (f"`{name}`", formula, "lower" if name in LOWER_IS_BETTER else "higher", source)
            for name, (formula, source) in metrics.items()
        ]
        blocks.append(f"## {KINDS[kind]}\n")
        blocks.append(_table(("metric", "formula", "better", "source"), rows))
    blocks.append("## Beside the metrics\n")
    rows_of_others = [(name, formula, source) for name, (formula, source) in others.items()]
    blocks.append(_table(("figure", "formula", "source"), rows_of_others))
    return "\n".join(blocks)


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [titles, ("---",) * len(titles), *rows]
    return "".join(f"| {' | '.join(map(_escaped, cells))} |\n" for cells in lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
