"""bench/scale.py: schedules of tasks, and what is recorded of them."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv import _core


@pytest.fixture
def scale(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "bench")
    yield importlib.import_module("scale")
    for name in ("scale", "cases", "images"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("tasks", "workers", "wake", "end"),
    [
        ([1, 1, 1, 1], 1, 9, 4),
        ([1, 1, 1, 1], 2, 0, 2),
        ([1, 1, 1, 1], 2, 1, 3),
        ([1, 1], 2, 5, 2),  # the caller is done before the other thread begins
        ([3, 1, 1, 1], 2, 0, 3),
        ([1, 1, 3], 2, 0, 4),  # in their order
        ([], 4, 1, 0),
    ],
)
def test_schedule(scale, tasks, workers, wake, end):
    assert scale.makespan(tasks, workers, wake) == end


def test_serial_parts_and_loops_add_up(scale):
    assert scale.seconds(scale.Run([(2, [2.0, 2.0]), (1, [1.0])], 0.5), 0.0) == 3.5


def test_every_task_is_recorded_in_turn():
    x, kernel = np.ones((4, 40, 40, 16), np.float32), np.ones((3, 3, 16, 32), np.float32)
    want = fastconv.conv2d(x, kernel, algorithm="packed")
    got = []
    with fastconv.threads(8):
        times = _core.task_times(lambda: got.append(fastconv.conv2d(x, kernel, algorithm="packed")))
        tasks = fastconv.plan_conv2d(x.shape, kernel.shape, algorithm="packed")["tasks"]
    np.testing.assert_array_equal(got[0].view(np.uint32), want.view(np.uint32))
    assert len(times) >= tasks > 1
    assert [loop for loop, *_ in times] == sorted(loop for loop, *_ in times)
    assert {threads for _, threads, _, _ in times} <= set(range(1, 9))
    ends = [0, *(end for *_, end in times)]
    assert all(before <= begin <= end for before, (_, _, begin, end) in zip(ends, times, strict=False))


def test_no_more_tasks_than_there_is_room_for():
    x = np.ones((1, 40, 40, 16), np.float32)
    call = fastconv.prepare_conv2d(np.ones((3, 3, 16, 32), np.float32), algorithm="packed")
    with pytest.raises(MemoryError, match="room for the times of 1"):
        _core.task_times(lambda: call(x), 1)
    with pytest.raises(ZeroDivisionError):
        _core.task_times(lambda: 1 / 0)
    assert _core.task_times(lambda: None) == []
    assert call(x).shape == (1, 38, 38, 32)


def test_nets_are_made_of_their_layers(scale):
    layers = {net: 0 for net in scale.NETS}
    for case in scale.cases.load("layers", (1,)):
        if case.layer["net"] in layers:
            layers[case.layer["net"]] += int(case.settings.get("times", 1))
    assert layers == {"ResNet-50": 53, "VGG16": 13, "LeNet-5": 3}
