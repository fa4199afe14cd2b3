"""Process-wide settings: threads, float32 precision, and what this build is."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import _args, _core, cpu

__all__ = [
    "get_float32_precision",
    "get_num_threads",
    "release_memory",
    "set_float32_precision",
    "set_num_threads",
    "show_config",
    "threads",
]

_PRECISIONS = ("highest", "high", "medium")


def release_memory() -> None:
    """Give back the memory of earlier results that is kept for the next ones.

    At most 1 GiB is kept, of the last 16 large results that are gone, because fresh pages cost more than many an
    operation that fills them. The system may take the pages of all but the last 256 MiB when it runs short.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.release_memory()
    """
    _core.release_memory()


def set_num_threads(n: int | None) -> None:
    """Set how many threads a call may use, in every Python thread.

    Results do not depend on it: the same bits come out for any number.

    Parameters
    ----------
    n : int or None
        At least 1; None goes back to OpenMP's own setting (``OMP_NUM_THREADS``, threadpoolctl, or one a core).

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer, or is below 1.
    """
    _core.set_num_threads(0 if n is None else min(_args.integer(n, "n", 1), 4096))


def get_num_threads() -> int:
    """How many threads a call made now may use."""
    return _core.get_num_threads()


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use at most `n` threads inside the ``with`` block.

    Examples
    --------
    >>> import fastconv
    >>> with fastconv.threads(1):
    ...     fastconv.get_num_threads()
    1
    """
    before = _core.fixed_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        _core.set_num_threads(before)


def set_float32_precision(precision: str) -> None:
    """Set how far a float32 convolution may stray from the exact result, ``norm(y - exact) / norm(exact)``.

    Parameters
    ----------
    precision : {'highest', 'high', 'medium'}
        At most 1e-6 (the default), 1e-5 or 1e-2. A lower setting permits faster algorithms where there are any.

    Notes
    -----
    The norm is promised where kernels have zero mean, as trained ones about have. Each single output is, with
    ``eps = 2**-24`` (float64: ``2**-53``),

    - by sums of products, also in gradients and `dense`, within ``32 * eps`` of the convolution of ``abs(x)`` and
      ``abs(kernel)``;
    - by Winograd's algorithm at 'highest' within ``8 * eps * norm(patch) * norm(kernel)``, the patch being what the
      output's tile reads of all channels; twice that where neither `x` nor the kernel has numbers of both signs, ten
      times where all numbers are the same; at 'high' eight times as much.

    The choice of an algorithm depends on sizes, never on values. `plan_conv2d` tells it, and ``algorithm='direct'``
    insists on plain sums.

    Raises
    ------
    ValueError
        If `precision` is none of these words.
    """
    _core.set_precision(_PRECISIONS.index(_args.choice(precision, "precision", _PRECISIONS)))


def get_float32_precision() -> str:
    """The current setting of `set_float32_precision`."""
    return _PRECISIONS[_core.get_precision()]


def show_config() -> dict[str, object]:
    """Print and return what this build is and what it uses.

    Returns
    -------
    dict
        Keys ``version``, ``isa``, ``isas_available``, ``isas_compiled``, ``compiler``, ``openmp``, ``threads``,
        ``float32_precision``.
    """
    from . import __version__
    config = {
        "version": __version__,
        "isa": cpu.active_isa(),
        "isas_available": cpu.available_isas(),
        "isas_compiled": cpu.compiled_isas(),
        "compiler": _core.compiler(),
        "openmp": _core.openmp_version(),
        "threads": get_num_threads(),
        "float32_precision": get_float32_precision(),
    }
    for key, value in config.items():
        print(f"{key + ':':<19}{', '.join(value) if isinstance(value, list) else value}")
    return config
