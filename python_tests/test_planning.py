"""How algorithms are chosen: measured, kept, saved and loaded; and files that are none of `save_plans`."""

import json
import os
import subprocess
import sys
import threading

import conv_reference
import numpy as np
import pytest

import fastconv
from fastconv import _core, cpu
from fastconv.nn.convolution import ALGORITHMS

X, KERNEL = (2, 9, 8, 6), (3, 3, 6, 7)
PASSES = ["forward", "input_gradient", "prepared", "kernel_gradient"]


@pytest.fixture(autouse=True)
def _default_planning():
    yield
    fastconv.set_planning("estimate")
    fastconv.forget_plans()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plans.json"


@pytest.fixture
def entry(path):
    """What `save_plans` writes for the forward pass of a layer."""
    return dict(saved(path, "forward"))


def arrays(x_shape=X, kernel_shape=KERNEL, dtype="float32"):
    rng = np.random.default_rng(3)
    return rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(kernel_shape).astype(dtype)


def passes(x, kernel, dy=None):
    """The result of every pass, by its name."""
    y = fastconv.conv2d(x, kernel)
    dy = y if dy is None else dy
    return {
        "forward": y,
        "prepared": fastconv.prepare_conv2d(kernel)(x),
        "input_gradient": fastconv.conv2d_input_grad(dy, kernel, x.shape),
        "kernel_gradient": fastconv.conv2d_kernel_grad(x, dy, kernel.shape),
    }


def saved(path, of_pass):
    """The entry of one pass after all were measured."""
    fastconv.set_planning("measure")
    passes(*arrays())
    fastconv.save_plans(path)
    fastconv.set_planning("estimate")
    fastconv.forget_plans()
    return next(plan for plan in json.loads(path.read_text())["plans"] if plan["pass"] == of_pass)


def write(path, *entries, version=fastconv.__version__):
    path.write_text(json.dumps({"fastconv": version, "plans": entries}))
    return path


def same_bits(a, b):
    for one, other in zip(a.values(), b.values(), strict=True):
        np.testing.assert_array_equal(one.view(np.uint8), other.view(np.uint8))


def test_the_default_estimates():
    code = "import fastconv; print(fastconv.get_planning())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "estimate\n"


@pytest.mark.parametrize("word", ["", "patient", None, 1])
def test_words_of_the_setting(word):
    with pytest.raises((ValueError, TypeError), match="`planning` must be"):
        fastconv.set_planning(word)
    assert fastconv.get_planning() == "estimate"


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_what_was_measured_computes_the_definition(dtype, isa):
    x, kernel = arrays(dtype=dtype)
    dy = arrays((2, 7, 6, 7), dtype=dtype)[0]
    fastconv.set_planning("measure")
    got = passes(x, kernel, dy)
    plain = (1, 1), ((0, 0), (0, 0)), (1, 1), 1
    dx, dkernel = conv_reference.gradients(x, kernel, dy, *plain)[:2]
    y = conv_reference.conv2d(x, kernel, None, *plain)
    eps = {"float32": 1e-5, "float64": 1e-12, "float16": 2e-2}[dtype]
    for name, want in zip(PASSES, (y, dx, y, dkernel), strict=True):
        assert np.linalg.norm(got[name] - want) <= eps * np.linalg.norm(want), name
    for threads in (1, 3):
        with fastconv.threads(threads):
            same_bits(got, passes(x, kernel, dy))


def test_each_layer_is_measured_once():
    fastconv.set_planning("measure")
    x, kernel = arrays()
    for _ in range(2):
        passes(x, kernel)
        fastconv.conv2d(x, kernel, activation="relu")
        fastconv.plan_conv2d(X, KERNEL)
    assert len(_core.kept_plans()) == len(PASSES)
    fastconv.conv2d(x[:1], kernel)
    assert len(_core.kept_plans()) == len(PASSES) + 1


def test_8_bit_layers_are_measured():
    x, kernel = (array.astype(np.int8) for array in arrays())
    want = fastconv.conv2d(x, kernel)
    fastconv.set_planning("measure")
    np.testing.assert_array_equal(fastconv.conv2d(x, kernel), want)
    np.testing.assert_array_equal(fastconv.prepare_conv2d(kernel)(x.astype(np.uint8)).dtype, np.int32)
    assert len(_core.kept_plans()) == 2


def test_empty_layers_and_insisted_algorithms_are_not_measured():
    fastconv.set_planning("measure")
    assert fastconv.conv2d(np.zeros((0, 9, 8, 6), np.float32), arrays()[1]).shape == (0, 7, 6, 7)
    fastconv.conv2d(*arrays(), algorithm="packed")
    assert _core.kept_plans() == []


def test_estimates_take_no_notice_of_what_was_measured():
    before = fastconv.plan_conv2d(X, KERNEL)
    fastconv.set_planning("measure")
    assert fastconv.plan_conv2d(X, KERNEL)["algorithm"] in supported()
    fastconv.set_planning("estimate")
    assert fastconv.plan_conv2d(X, KERNEL) == before


def test_loaded_plans_hold_under_either_setting_until_they_are_forgotten(path, entry):
    before = fastconv.plan_conv2d(X, KERNEL)
    for algorithm in supported():
        assert fastconv.load_plans(write(path, {**entry, "algorithm": algorithm})) == 1
        for word in ("measure", "estimate"):
            fastconv.set_planning(word)
            assert fastconv.plan_conv2d(X, KERNEL)["algorithm"] == algorithm
    fastconv.forget_plans()
    assert fastconv.plan_conv2d(X, KERNEL) == before


def supported():
    """The algorithms of the forward layer."""
    for algorithm in list(ALGORITHMS)[1:]:
        try:
            fastconv.plan_conv2d(X, KERNEL, algorithm=algorithm)
        except ValueError:
            continue
        yield algorithm


def test_loaded_plans_hold_for_every_pass(path):
    x, kernel = arrays()
    dy = arrays((2, 7, 6, 7))[0]
    saved(path, "forward")
    plans = json.loads(path.read_text())["plans"]
    for plan in plans:
        plan["algorithm"] = "packed"
    assert fastconv.load_plans(write(path, *plans)) == len(PASSES)
    got = passes(x, kernel, dy)
    fastconv.forget_plans()
    same_bits(
        {name: got[name] for name in ("forward", "prepared", "kernel_gradient")},
        {
            "forward": fastconv.conv2d(x, kernel, algorithm="packed"),
            "prepared": fastconv.prepare_conv2d(kernel, algorithm="packed")(x),
            "kernel_gradient": fastconv.conv2d_kernel_grad(x, dy, KERNEL, algorithm="packed"),
        },
    )


PROCESS = f"""
import hashlib, sys
import numpy as np, fastconv
if sys.argv[1] == "measure":
    fastconv.set_planning("measure")
else:
    fastconv.load_plans(sys.argv[2])
rng = np.random.default_rng(0)
for side in (1, 3, 5):
    x = rng.standard_normal({X}, np.float32)
    kernel = rng.standard_normal((side, side, 6, 7), np.float32)
    y = fastconv.conv2d(x, kernel)
    for bits in (y, fastconv.prepare_conv2d(kernel)(x), fastconv.conv2d_input_grad(y, kernel, x.shape),
                 fastconv.conv2d_kernel_grad(x, y, kernel.shape)):
        print(hashlib.sha256(bits).hexdigest())
if sys.argv[1] == "measure":
    fastconv.save_plans(sys.argv[2])
"""


def test_the_next_process_computes_the_same_bits(path):
    first, second = (
        subprocess.run([sys.executable, "-c", PROCESS, word, path], capture_output=True, text=True, check=True).stdout
        for word in ("measure", "load")
    )
    assert first == second
    assert first.count("\n") == 12


def test_threads_share_what_was_measured():
    fastconv.set_planning("measure")
    x, kernel = arrays()
    results = []
    threads = [threading.Thread(target=lambda: results.append(passes(x, kernel))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        same_bits(results[0], result)
    assert len(_core.kept_plans()) == len(PASSES)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning", "ignore:os.fork:RuntimeWarning")
def test_a_forked_child_keeps_and_adds_plans():
    fastconv.set_planning("measure")
    x, kernel = arrays()
    want = fastconv.conv2d(x, kernel)
    child = os.fork()
    if not child:
        same = np.array_equal(fastconv.conv2d(x, kernel), want)
        fastconv.conv2d(x[:1], kernel)
        os._exit(0 if same and len(_core.kept_plans()) == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(_core.kept_plans()) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"\xff\xfe",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b'"plans"',
        b'{"fastconv": 1, "plans": []}',
        b'{"fastconv": "0.1.0", "plans": {}}',
        b'{"fastconv": "0.1.0", "plans": [], "more": 0}',
        b"[" * 100_000,
        b'{"fastconv": "0.1.0", "plans": [' + b"9" * 5000 + b"]}",
        b" " * ((16 << 20) + 1),
    ],
    ids=range(14),
)
def test_files_that_are_none_of_plans(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="`path` must be that of a file of `save_plans`"):
        fastconv.load_plans(path)
    assert _core.kept_plans() == []


MALFORMED = [
    {"pass": "backward"},
    {"algorithm": "fastest"},
    {"algorithm": None},
    {"algorithm": "auto", "pass": []},
    {"dtype": "complex64"},
    {"dtype": ["float32"]},
    {"data_format": 0},
    {"precision": "lowest"},
    {"x": [2, 9, 8]},
    {"x": "2986"},
    {"x": [2, 9, 8, 6.0]},
    {"x": [2, 9, 8, True]},
    {"x": [2, -9, 8, 6]},
    {"x": [2**63, 9, 8, 6]},
    {"kernel": [3, 3, 5, 7]},
    {"groups": 0},
    {"groups": 10**30},
    {"strides": None},
    {"padding": [[0, 0]]},
    {"padding": [0, 0]},
    {"padding": [[0, 0], [0, -1]]},
]
UNSUPPORTED = [
    {"algorithm": "auto"},
    {"algorithm": "integer"},
    {"algorithm": "winograd_4x5"},
    {"algorithm": "winograd_4x3", "strides": [2, 2]},
    {"x": [0, 9, 8, 6]},
    {"x": [2, 1, 8, 6]},
    {"x": [2**62, 2**62, 8, 6]},
    {"x": [2, 9, 8, 6], "kernel": [3, 3, 6, 2**62]},
    {"kernel": [0, 3, 6, 7]},
    {"strides": [0, 1]},
    {"dilation_rate": [0, 1]},
    {"dilation_rate": [2**62, 2**62]},
    {"padding": [[2**62, 2**62], [0, 0]]},
    {"groups": 6, "kernel": [3, 3, 1, 7]},
    {"dtype": "int8", "pass": "kernel_gradient", "algorithm": "packed"},
]


def pass_over(path, reason, *entries):
    """Nothing of the file is taken."""
    write(path, *entries)
    with pytest.warns(UserWarning, match=f"{len(entries)} of {len(entries)} plans of .* passed over: .*{reason}"):
        assert fastconv.load_plans(path) == 0
    assert _core.kept_plans() == []


@pytest.mark.parametrize("change", MALFORMED, ids=str)
def test_malformed_entries_are_passed_over(path, entry, change):
    pass_over(path, "not as `save_plans` writes them", {**entry, **change})


@pytest.mark.parametrize("change", UNSUPPORTED, ids=str)
def test_entries_that_do_not_fit_their_layer_are_passed_over(path, entry, change):
    pass_over(path, "that its algorithm does not support", {**entry, **change})


def test_other_things_than_entries_are_passed_over(path, entry):
    missing = {key: value for key, value in entry.items() if key != "strides"}
    pass_over(path, "not as `save_plans` writes them", missing, None, 3, "isa", [], [entry], {})


@pytest.mark.parametrize("isa_of_entry", ["avx1024", "", None, 5, ["avx2"]])
def test_entries_of_another_instruction_set_are_passed_over(path, entry, isa_of_entry):
    pass_over(path, "of another instruction set", {**entry, "isa": isa_of_entry})


def test_entries_belong_to_the_instruction_set(path, entry):
    for name in cpu.available_isas():
        if name != entry["isa"]:
            with cpu.use_isa(name):
                pass_over(path, f"another instruction set than '{name}'", entry)


def test_files_of_another_version_are_passed_over(path, entry):
    write(path, entry, entry, version="0.0.1")
    with pytest.warns(UserWarning, match=r"2 of 2 plans .* passed over: 2 of fastconv '0\.0\.1', and this is"):
        assert fastconv.load_plans(path) == 0
    assert _core.kept_plans() == []


def test_good_entries_beside_bad_ones_are_taken(path, entry):
    write(path, {**entry, "algorithm": "packed"}, {**entry, "groups": 0}, {**entry, "isa": "avx1024"})
    with pytest.warns(UserWarning, match=r"2 of 3 plans"):
        assert fastconv.load_plans(path) == 1
    assert fastconv.plan_conv2d(X, KERNEL)["algorithm"] == "packed"


def test_the_last_entry_of_a_layer_holds(path, entry):
    assert fastconv.load_plans(write(path, *({**entry, "algorithm": name} for name in ("direct", "packed")))) == 2
    assert [list(ALGORITHMS)[plan["algorithm"]] for plan in _core.kept_plans()] == ["packed"]


def test_no_more_plans_are_kept_than_there_is_room_for(path, entry):
    entries = [{**entry, "algorithm": "packed", "x": [n, 9, 8, 6]} for n in range(1, 4100)]
    write(path, *entries)
    with pytest.warns(UserWarning, match="3 of 4099 plans .* 3 more than are kept"):
        assert fastconv.load_plans(path) == 4096
    fastconv.set_planning("measure")
    want = fastconv.conv2d(*arrays((1, 30, 30, 6)))
    np.testing.assert_array_equal(fastconv.conv2d(*arrays((1, 30, 30, 6))), want)
    assert len(_core.kept_plans()) == 4096


def test_saved_plans_load_as_they_were(path):
    saved(path, "forward")
    first = path.read_text()
    assert fastconv.load_plans(path) == len(PASSES)
    fastconv.save_plans(path)
    assert path.read_text() == first


def test_paths(tmp_path):
    with pytest.raises(ValueError, match="`path` must be that of a file"):
        fastconv.save_plans(tmp_path)
    with pytest.raises(OSError, match=r"none|folder"):
        fastconv.save_plans(tmp_path / "no folder" / "plans.json")
    with pytest.raises(FileNotFoundError):
        fastconv.load_plans(tmp_path / "none")
    with pytest.raises(TypeError):
        fastconv.load_plans(None)
    with pytest.raises(TypeError):
        fastconv.save_plans(None)
    assert list(tmp_path.iterdir()) == []
