"""bench/regret.py and bench/fit.py: what is drawn, and the smooth regret that is made least."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "bench")
    yield importlib.import_module
    for name in ("regret", "fit"):
        sys.modules.pop(name, None)


def test_layers_are_those_of_the_seed_and_of_the_work(bench):
    regret = bench("regret")
    layers = regret.draw(20, 5)
    assert layers == regret.draw(20, 5) != regret.draw(20, 6)
    for layer in layers:
        plan = regret.nn.plan_conv2d(layer.x, layer.kernel, **layer.options)
        assert 0.4 * regret.FLOPS[0] < plan["flops"] < 1.5 * regret.FLOPS[1]


def test_regret_is_of_the_choice(bench):
    regret = bench("regret")
    measured = {"direct": 2.0, "packed": 1.0}
    assert regret.regret_of({"direct": 5.0, "packed": 6.0, "planar": 1.0}, measured) == 2.0
    assert regret.regret_of({"direct": 7.0, "packed": 6.0}, measured) == 1.0
    assert regret.near({"direct": 9.0, "packed": 2.0, "planar": 1.0}, 4.0) == ["packed", "planar"]


def test_slopes_of_the_open_regret(bench):
    fit = bench("fit")
    estimates, slower, first = (
        np.array([3.0, 3.1, 5.0, 2.0, 2.2]),
        np.array([1.0, 1.4, 2.0, 1.7, 1.0]),
        np.array([0, 3]),
    )
    value, slopes = fit._open_regret(estimates, slower, first)
    step = 1e-6
    for i, slope in enumerate(slopes):
        moved = estimates.copy()
        moved[i] *= np.exp(step)
        assert (fit._open_regret(moved, slower, first)[0] - value) / step == pytest.approx(slope, abs=1e-5)
    closed = fit._open_regret(np.array([3.0, 30.0, 50.0, 2.0, 20.0]), slower, first)[0]
    assert closed == pytest.approx(np.log(1.0) + np.log(1.7))


def test_factors_of_a_cost_are_one_at_least(bench, isa):
    fit = bench("fit")
    costs = fit._core.costs()
    assert {name: costs[name] for name in fit.LEAST if not costs[name] >= fit.LEAST[name]} == {}


def test_estimates_far_off_count_for_nothing(bench):
    fit = bench("fit")
    off = fit._distance(np.array([2.0, 1.0, 20.0]), np.array([1.0, 1.0, 1.0]))
    assert off == pytest.approx([np.log(2.0), 0.0, 0.0])
