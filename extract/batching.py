"""Batches of windows of similar cost within a budget."""

from collections.abc import Sequence

MAX_PADDING = 0.05


def batches(costs: Sequence[int], budget: int) -> list[list[int]]:
    """Group windows so that a batch's padded cost stays within the budget.

    Of that cost, ``len(batch) * max(cost)``, at most MAX_PADDING is padding, so the same holds
    for all batches together.

    Args:
        costs: the cost of each window, all above 0.
        budget: the most that a batch may cost; a window that costs more has a batch of its own.

    Returns:
        positions, the costliest batch first (so that a lack of memory shows at once); equal
        costs keep their order, so the grouping depends on nothing else.
    """
    order = sorted(range(len(costs)), key=lambda position: (-costs[position], position))
    groups: list[list[int]] = []
    real = 0
    for position in order:
        if groups:
            padded = (len(groups[-1]) + 1) * costs[groups[-1][0]]
            if padded <= budget and padded - real - costs[position] <= MAX_PADDING * padded:
                groups[-1].append(position)
                real += costs[position]
                continue
        groups.append([position])
        real = costs[position]
    return groups
