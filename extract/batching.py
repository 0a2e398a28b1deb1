"""Batches of examples of similar cost within a budget."""

from collections.abc import Sequence


def batches(costs: Sequence[int], budget: int) -> list[list[int]]:
    """Group examples so that the padded cost of a batch stays within the budget.

    Args:
        costs: the cost of each example, all above 0.
        budget: the most that ``len(batch) * max(cost)`` may be; an example that costs more on
            its own gets a batch of its own.

    Returns:
        positions, the costliest batch first (so that a lack of memory shows at once); equal
        costs keep their order, so the grouping depends on nothing else.
    """
    order = sorted(range(len(costs)), key=lambda position: (-costs[position], position))
    groups: list[list[int]] = []
    for position in order:
        if groups and (len(groups[-1]) + 1) * costs[groups[-1][0]] <= budget:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups
