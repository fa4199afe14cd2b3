"""The figures of the cost model: named, of each instruction set, and what the choice follows from."""

import math
from pathlib import Path

import pytest

from fastconv import _core, config, cpu, nn

LAYER = ((1, 14, 14, 64), (3, 3, 64, 64))


@pytest.fixture
def costs():
    before = _core.costs()
    yield before
    for name, cycles in before.items():
        _core.set_cost(name, cycles)


def test_every_cost_is_set(costs):
    assert all(math.isfinite(cycles) and cycles > 0 for cycles in costs.values())


def test_what_no_machine_was_fitted_on_is_said():
    for isa in cpu.available_isas():
        with cpu.use_isa(isa):
            machine = _core.costs_machine()
            assert config.configuration()["costs_fitted_on"] == (machine or f"no machine with {isa}")


def test_estimates_follow_the_costs(costs):
    before = nn.plan_conv2d(*LAYER, algorithm="direct")["cycles"]
    _core.set_cost("direct_step", 2 * costs["direct_step"])
    assert 1.5 * before < nn.plan_conv2d(*LAYER, algorithm="direct")["cycles"] < 2 * before


def test_the_choice_follows_the_costs(costs):
    chosen = nn.plan_conv2d(*LAYER)["algorithm"]
    field = {"direct": "direct_step", "unpacked": "direct_step"}.get(chosen, "winograd_product")
    _core.set_cost(field, 1000.0)
    assert nn.plan_conv2d(*LAYER)["algorithm"] != chosen
    _core.set_cost(field, costs[field])
    assert nn.plan_conv2d(*LAYER)["algorithm"] == chosen


@pytest.mark.parametrize("cycles", [-1.0, math.inf, math.nan])
def test_costs_are_finite_and_not_negative(cycles, costs):
    with pytest.raises(ValueError, match="argument out of range"):
        _core.set_cost("direct_step", cycles)
    assert _core.costs() == costs


def test_the_table_in_use_is_one_of_the_source(isa):
    table = _core.costs_table()
    assert table == isa or table.endswith(f"_{isa}")
    root = Path(__file__).parents[1]
    assert (root / f"csrc/ops/conv2d/costs/{table}.c").is_file()
