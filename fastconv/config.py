"""Process-wide settings: threads, float32 precision, and what this build is."""

from __future__ import annotations

from contextlib import ContextDecorator
from pathlib import Path
from threading import Lock
from typing import ClassVar

from . import _args, _core, cpu

__all__ = [
    "get_float32_precision",
    "get_include",
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
        At least 1; None goes back to OpenMP's own setting (``OMP_NUM_THREADS``, threadpoolctl), or else to one thread
        for each CPU that the process may keep busy, by its affinity and the quota of its control group (a container's
        CPU limit). ``OMP_THREAD_LIMIT`` bounds any number.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer, or is below 1.
    """
    _core.set_num_threads(0 if n is None else _number(n))


def _number(n: int) -> int:
    return min(_args.integer(n, "n", 1), 4096)


def get_num_threads() -> int:
    """How many threads a call made now may use."""
    return _core.get_num_threads()


class threads(ContextDecorator):
    """Use `n` threads inside the ``with`` block, or in the function that it decorates.

    The number belongs to the block's own context: other Python threads and asyncio tasks keep theirs, and where blocks
    nest the innermost counts. It comes before `set_num_threads`, which holds again when the block is left. Blocks may
    be left in any order, and one object may be entered more than once. A thread that is started inside the block is
    a context of its own before Python 3.14. A framework's threads, which have no context (TensorFlow's and JAX's),
    follow the block that was entered last.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer, or is below 1.

    Examples
    --------
    >>> import fastconv
    >>> with fastconv.threads(1):
    ...     fastconv.get_num_threads()
    1
    """

    _in_force: ClassVar[list[_core.ThreadBlock]] = []  # of all contexts, as they were entered
    _lock: ClassVar = Lock()

    def __init__(self, n: int) -> None:
        self._n = _number(n)
        self._blocks: list[_core.ThreadBlock] = []

    def __enter__(self) -> None:
        block = _core.ThreadBlock(self._n)
        self._blocks.append(block)
        _core.thread_blocks.set((*_core.thread_blocks.get(), block))
        with self._lock:
            self._in_force.append(block)
            _core.share_num_threads(block.threads)

    def __exit__(self, *error: object) -> None:
        here = _core.thread_blocks.get()
        # A generator may be closed in another context than it was entered in.
        block = next((block for block in reversed(here) if block in self._blocks), self._blocks[-1])
        self._blocks.remove(block)
        block.threads = 0
        _core.thread_blocks.set(tuple(block for block in here if block.threads))
        with self._lock:
            self._in_force.remove(block)
            _core.share_num_threads(self._in_force[-1].threads if self._in_force else 0)


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


def get_include() -> str:
    """The folder of the C API's headers.

    Examples
    --------
    >>> import fastconv, os
    >>> os.path.exists(os.path.join(fastconv.get_include(), "fastconv.h"))
    True
    """
    installed = Path(__file__).with_name("include")
    return str(installed if installed.is_dir() else Path(__file__).parents[1] / "csrc" / "include")


def configuration() -> dict[str, object]:
    """What `show_config` prints, as a dict."""
    from . import __version__, planning

    return {
        "version": __version__,
        "isa": cpu.active_isa(),
        "isas_available": cpu.available_isas(),
        "isas_compiled": cpu.compiled_isas(),
        "isas_left_out": cpu.left_out_isas(),
        "compiler": _core.compiler(),
        "openmp": _core.openmp_version(),
        "threads": get_num_threads(),
        "float32_precision": get_float32_precision(),
        "planning": planning.get_planning(),
        "costs_fitted_on": _core.costs_machine() or f"no machine with {cpu.active_isa()}",
    }


def show_config() -> dict[str, object]:
    """Print and return what this build is and what it uses.

    Returns
    -------
    dict
        Keys ``version``, ``isa``, ``isas_available``, ``isas_compiled``, ``isas_left_out`` (what the compiler lacked),
        ``compiler``, ``openmp``, ``threads``, ``float32_precision``, ``planning`` (of `set_planning`),
        ``costs_fitted_on`` (the machine that the estimates of the instruction set in use come from).
    """
    config = configuration()
    for key, value in config.items():
        print(f"{key + ':':<19}{(', '.join(value) or 'none') if isinstance(value, list) else value}")
    return config
