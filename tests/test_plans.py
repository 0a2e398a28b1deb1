"""How full the batches are that a GPU and a CPU are given, with the lengths of a real corpus."""

from pathlib import Path

import pytest

from benchmarks.plans import plans
from extract.network.batching import MAX_PADDING, batches, spare_steps
from features.params.load import load_params
from tests.conftest import ROOT


@pytest.mark.slow
def test_recipes_fill_half_of_a_gpus_budget_with_little_padding(shared_data: Path) -> None:
    sizes = {
        load_params(path).extract.part_bytes
        for path in (ROOT / "recipes").glob("*.yaml")
        if not path.stem.startswith("demo")
    }
    assert len(sizes) == 1
    for name, plan in plans(sizes.pop()).items():
        if name.endswith("cuda"):
            assert plan.fill >= 0.5 and plan.padding <= 0.15, f"{name}: {plan}"
        else:
            assert plan.padding <= 0.05, f"{name}: {plan}"


def test_small_batches_may_have_more_padding_where_some_is_spared() -> None:
    costs = [100, 90, 80, 70, 60, 50, 40, 30, 20, 10]
    assert len(batches(costs, 1000)) > 3
    relaxed = batches(costs, 10_000, spare_steps(10_000))
    assert relaxed == [list(range(10))]
    assert sum(100 - cost for cost in costs) <= spare_steps(10_000) == 700


@pytest.mark.parametrize("spare", [0, 7, 100])
def test_no_batch_has_more_padding_than_it_may(spare: int) -> None:
    costs = [1 + (7 * n * n) % 97 for n in range(300)]
    for batch in batches(costs, 500, spare):
        most = max(costs[place] for place in batch)
        padded = len(batch) * most
        assert padded <= 500 or len(batch) == 1
        padding = padded - sum(costs[place] for place in batch)
        assert padding <= max(spare, MAX_PADDING * padded)
