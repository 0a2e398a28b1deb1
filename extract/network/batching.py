"""Batches of windows of similar cost within a budget."""

from collections.abc import Sequence

MAX_PADDING = 0.05
# The share of a GPU's budget that may be padding at less cost than one more small batch.
SPARE = 0.07


def spare_steps(budget: int) -> int:
    """Steps of padding that a batch on a GPU may have, however short it is."""
    return round(SPARE * budget)


def batches(costs: Sequence[int], budget: int, spare: int = 0) -> list[list[int]]:
    """Group windows so that a batch's padded cost stays within the budget.

    Of that cost, ``len(batch) * max(cost)``, at most MAX_PADDING is padding, or `spare` steps
    where that is more. Without `spare` MAX_PADDING holds for all batches together as well.

    Args:
        costs: the cost of each window, all above 0.
        budget: the most that a batch may cost; a window that costs more has a batch of its own.
        spare: steps of padding that a batch may have in any case.

    Returns:
        positions, the costliest batch first (so that a lack of memory appears at once); equal
        costs keep their order, so the grouping depends on nothing else.
    """
    order = sorted(range(len(costs)), key=lambda position: (-costs[position], position))
    groups: list[list[int]] = []
    real = 0
    for position in order:
        if groups:
            padded = (len(groups[-1]) + 1) * costs[groups[-1][0]]
            allowed = max(MAX_PADDING * padded, spare)
            if padded <= budget and padded - real - costs[position] <= allowed:
                groups[-1].append(position)
                real += costs[position]
                continue
        groups.append([position])
        real = costs[position]
    return groups
