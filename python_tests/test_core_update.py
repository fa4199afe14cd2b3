"""Steps of optimizers by the core: the bits of NumPy's operations, one after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import _args, _core

DTYPES = [np.float32, np.float64]


def sgd(w, g, slots, numbers, nesterov=False):
    rate, momentum = numbers
    step = g * rate
    if slots[0] is None:
        w -= step
        return
    slots[0] *= momentum
    slots[0] -= step
    w += slots[0] * momentum - step if nesterov else slots[0]


def nesterov(w, g, slots, numbers):
    sgd(w, g, slots, numbers, nesterov=True)


def adam(w, g, slots, numbers):
    rate, first, second, epsilon = numbers
    mean, square, largest = slots
    mean += (g - mean) * first
    square += (g * g - square) * second
    if largest is not None:
        square = np.maximum(largest, square, out=largest)
    w -= mean * rate / (np.sqrt(square) + epsilon)


def rmsprop(w, g, slots, numbers):
    rate, rho, rest, epsilon, momentum = numbers
    square, moved, mean = slots
    square *= rho
    square += rest * (g * g)
    spread = square
    if mean is not None:
        mean *= rho
        mean += rest * g
        spread = square - mean * mean
    step = rate * g / np.sqrt(spread + epsilon)
    if moved is not None:
        moved *= momentum
        moved += step
        step = moved
    w -= step


RULES = {
    "sgd": (sgd, (0.01, 0.9), [(0, 0, 0), (1, 0, 0)]),
    "nesterov": (nesterov, (0.01, 0.9), [(0, 0, 0), (1, 0, 0)]),
    "adam": (adam, (0.003, 0.1, 0.001, 1e-7), [(1, 1, 0), (1, 1, 1)]),
    "rmsprop": (rmsprop, (0.01, 0.9, 0.1, 1e-7, 0.8), [(1, 0, 0), (1, 1, 0), (1, 0, 1), (1, 1, 1)]),
}
KINDS = [(rule, slots) for rule, (_, _, kinds) in RULES.items() for slots in kinds]


def arrays_of(rng, dtype, count, has_slots):
    value, gradient = (rng.standard_normal(count).astype(dtype) for _ in range(2))
    slots = [np.abs(rng.standard_normal(count)).astype(dtype) if has else None for has in has_slots]
    return value, gradient, slots


def step(rule, numbers, decay, value, gradient, slots):
    numbers_ = _args.dtype_id(value.dtype), _core.UPDATE_RULES[rule], value.size, numbers, decay
    _core.update_weights(*numbers_, gradient, value, slots)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS), st.sampled_from(DTYPES), st.integers(0, 70), st.sampled_from([0.0, 0.004]), st.integers(0)
)
def test_steps_have_the_bits_of_numpy(kind, dtype, count, decay, seed):
    rule, has_slots = kind
    rng = np.random.default_rng(seed)
    value, gradient, slots = arrays_of(rng, dtype, count, has_slots)
    if count and seed % 3 == 0:
        gradient[rng.integers(count)] = rng.choice([np.nan, np.inf, 0])
    wanted, wanted_slots = value.copy(), [None if slot is None else slot.copy() for slot in slots]
    run, numbers, _ = RULES[rule]
    with np.errstate(all="ignore"):
        if decay:
            wanted -= wanted * dtype(decay) * dtype(0.02)
        run(wanted, gradient, wanted_slots, tuple(map(dtype, numbers)))
    step(rule, numbers, (decay, 0.02), value, gradient, slots)
    for found, right in zip([value, *slots], [wanted, *wanted_slots], strict=True):
        if right is not None:
            np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", sorted(RULES))
def test_any_number_of_threads_gives_the_same_bits(rule, dtype):
    results = []
    for threads in (1, 2, 3):
        value, gradient, slots = arrays_of(np.random.default_rng(1), dtype, 70_001, (1, 1, 0))
        with fastconv.threads(threads):
            step(rule, RULES[rule][1], (0.0, 0.0), value, gradient, slots)
        results.append(value.tobytes())
    assert len(set(results)) == 1


def test_arguments_that_do_not_fit_are_refused():
    value, gradient, slots = arrays_of(np.random.default_rng(0), np.float32, 5, (1, 1, 0))
    with pytest.raises(ValueError, match="bytes"):
        step("adam", RULES["adam"][1], (0.0, 0.0), value, gradient[:4].copy(), slots)
    with pytest.raises(ValueError, match="argument"):
        step("adam", RULES["adam"][1], (0.0, 0.0), value, gradient, [slots[0], None, None])
    with pytest.raises(ValueError, match="argument"):
        _core.update_weights(_args.dtype_id(value.dtype), 9, 5, (0.1,), (0.0, 0.0), gradient, value, slots)
    with pytest.raises(ValueError, match="dtype"):
        _core.update_weights(_args.dtype_id(np.dtype(np.float16)), 0, 10, (0.1,), (0.0, 0.0), gradient, value, slots)
