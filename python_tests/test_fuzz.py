"""The fuzzer: what it once found, and that it covers every function."""

import json
from pathlib import Path

import pytest
from fuzz import elementwise, table, worker

import fastconv

OLD_CASES = Path(__file__).with_name("fuzz").joinpath("old_cases.txt").read_text().splitlines()
# Functions whose cases have the name of their kind, or that a case of another calls.
COVERED = {name + ending for name in (*elementwise.NAMES, "relu6") for ending in ("", "_grad")} | {
    "correlate2d",
    "plan_conv2d",
    "plan_convolve2d",
}


@pytest.mark.usefixtures("restored_precision")
@pytest.mark.parametrize("case", OLD_CASES, ids=lambda case: json.loads(case)["function"])
def test_old_cases(case):
    assert worker.run_case(json.loads(case)) is None


def test_a_seed_and_a_number_name_a_case():
    cases = [table.draw(3, index) for index in range(200)]
    assert cases == [table.draw(3, index) for index in range(200)]
    assert len({json.dumps(case) for case in cases}) == 200


def test_every_function_is_fuzzed():
    functions = {name for package in (fastconv.image, fastconv.nn) for name in package.__all__ if name.islower()}
    assert functions <= {*table.FUNCTIONS, *COVERED}
