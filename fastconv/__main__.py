"""``python -m fastconv script.py``: runs an unchanged script on fastconv's Keras layers and SciPy functions."""
from __future__ import annotations

import argparse
import atexit
import builtins
import importlib
import io
import logging
import os
import runpy
import sys
import types
import zipfile
from collections.abc import Callable
from importlib.abc import MetaPathFinder

_log = logging.getLogger("fastconv")


class _AfterImport(MetaPathFinder):
    """Runs an action right after a module has been imported for the first time, and costs nothing if it never is."""

    def __init__(self, actions: dict[str, Callable[[], None]]):
        self._actions = actions

    def install(self) -> None:
        for name in [name for name in self._actions if name in sys.modules]:
            self._actions.pop(name)()
        sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        if name not in self._actions:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            if action := self._actions.pop(name, None):     # not before: who looks for a spec may not import it
                action()

        spec.loader.exec_module = exec_module
        return spec


def _patch_keras() -> None:
    try:
        from .keras import patch_keras
    except (ImportError, AttributeError) as error:  # the latter from a `keras` that is somebody's own module
        _log.warning("Keras' layers are left as they are: %s", error)
    else:
        patch_keras()


def _patch_scipy() -> None:
    from .image import convolve2d, correlate2d
    signal = importlib.import_module("scipy.signal")
    signal.convolve2d, signal.correlate2d = convolve2d, correlate2d


def _log_to_stderr() -> None:
    """Show what the log says of the layers in use, and a summary in the end."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("fastconv: %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False
    atexit.register(_log_summary)


def _log_summary() -> None:
    layers = sys.modules.get("fastconv.keras.base")
    _log.info(layers.summary() if layers else "Keras was not imported")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fastconv", formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--verbose] [--no-keras] [--no-scipy] (script.py | -m module) [args ...]",
        description="Run an unchanged Python script with fastconv in place of\n"
                    "  keras.layers: convolution, pooling, activation and dense layers, and optimizer steps,\n"
                    "  scipy.signal.convolve2d and correlate2d.")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="say on standard error which layers run on fastconv's kernels, and which do not")
    parser.add_argument("--no-keras", dest="keras", action="store_false", help="leave Keras' layers as they are")
    parser.add_argument("--no-scipy", dest="scipy", action="store_false", help="leave scipy.signal as it is")
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="module",
                        help="run a module, as python -m does; the rest are its arguments")
    parser.add_argument("script", nargs=argparse.REMAINDER, help="the script; the rest are its arguments")
    return parser


def _run_script(argv: list[str]) -> None:
    script = argv[0]
    if not os.path.exists(script):
        print(f"python -m fastconv: can't open file {script!r}: no such file", file=sys.stderr)
        sys.exit(2)
    sys.argv[:] = argv
    if not sys.flags.safe_path:
        del sys.path[0]
    if os.path.isdir(script) or script.endswith(".pyc") or zipfile.is_zipfile(script):
        runpy.run_path(script, run_name="__main__")
        return
    if not sys.flags.safe_path:
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    # Not runpy: Python gives a script its absolute path as __file__, and a __main__ that outlives it.
    path = os.path.abspath(script)
    module = types.ModuleType("__main__")
    module.__file__, module.__builtins__ = path, builtins
    sys.modules["__main__"] = module
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec")
    exec(code, vars(module))


def _run_module(argv: list[str]) -> None:
    sys.argv[:] = argv
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


def _without_our_frames(traceback):
    """The traceback from the script's first frame on; None where it has none, as for its syntax errors."""
    ours = {__file__, runpy.__file__, "<frozen runpy>"}
    while traceback is not None and traceback.tb_frame.f_code.co_filename in ours:
        traceback = traceback.tb_next
    return traceback


def main(argv: list[str] | None = None) -> None:
    """Run the script or module that argv names; returns or raises SystemExit as the script does."""
    parser = _parser()
    options = parser.parse_args(argv)
    target = options.module or options.script
    if not target:
        parser.error("a script or -m module is needed")
    wanted = {"keras": (options.keras, _patch_keras), "scipy.signal": (options.scipy, _patch_scipy)}
    _AfterImport({name: action for name, (on, action) in wanted.items() if on}).install()
    if options.verbose:
        _log_to_stderr()
    try:
        (_run_module if options.module else _run_script)(target)
    except Exception as error:
        error.__traceback__ = _without_our_frames(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


if __name__ == "__main__":
    main()
