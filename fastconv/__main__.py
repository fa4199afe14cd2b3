"""``python -m fastconv script.py``: runs an unchanged script on fastconv's layers and filters.

The script may be a module (``-m``), a string (``-c``) or standard input (``-``), as Python's own command line has them.
A first argument that is a command of `fastconv.cli` runs that; a script of such a name is given as ``./predict``.
"""

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
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import BuiltinImporter, SourceFileLoader
from typing import Any

from . import __version__, cli
from ._mnist_file import read_mnist_from

_log = logging.getLogger("fastconv")


class _AfterImport(MetaPathFinder):
    """Runs an action right after a module has been imported for the first time, and costs nothing if it never is."""

    def __init__(self, actions: dict[str, Callable[[], None]]) -> None:
        self._actions = actions

    def install(self) -> None:
        for name in [name for name in self._actions if name in sys.modules]:
            self._actions.pop(name)()
        sys.meta_path.insert(0, self)

    def find_spec(self, name: Any, path: Any = None, target: Any = None) -> Any:
        if name not in self._actions:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            if action := self._actions.pop(name, None):  # not before: who looks for a spec may not import it
                action()

        loader.exec_module = exec_module
        return spec


def _patch_keras() -> None:
    try:
        from .keras import patch_keras
    except (ImportError, AttributeError) as error:  # the latter from a `keras` that is somebody's own module
        _log.warning("Keras' layers are left as they are: %s", error)
    else:
        patch_keras()


def _replace(name: str) -> None:
    from .drop_in import replace

    replace(name)


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
    steps = sys.modules.get("fastconv.keras.whole_steps")
    if steps and steps.summary():
        _log.info(steps.summary())
    drop_in = sys.modules.get("fastconv.drop_in")
    for name, (served, back) in drop_in.calls().items() if drop_in else ():
        _log.info("%s: %d calls served, %d handed back", name, served, back)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fastconv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--verbose] [--no-keras] [--no-scipy] [--no-cv2] [--data FILE]\n"
        "                          (script.py | -m module | -c command | -) [args ...]\n"
        f"       %(prog)s ({' | '.join(cli.COMMANDS)}) [--help] [args ...]",
        description="Run an unchanged Python script with fastconv in place of\n"
        "  keras.layers: convolution, normalization, pooling, activation and dense layers, and optimizer steps,\n"
        "  scipy.signal: convolutions and correlations of two axes,\n"
        "  scipy.ndimage: its linear filters, of two axes,\n"
        "  cv2: its linear filters;\nor one of the commands\n"
        + "\n".join(f"  {name:<10}{text}" for name, text in cli.COMMANDS.items()),
        epilog="A script that has a command's name is run by its path: ./predict",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="say on standard error which layers run on fastconv's kernels, and which do not",
    )
    parser.add_argument("--no-keras", dest="keras", action="store_false", help="leave Keras' layers as they are")
    parser.add_argument("--no-scipy", dest="scipy", action="store_false", help="leave SciPy as it is")
    parser.add_argument("--no-cv2", dest="cv2", action="store_false", help="leave OpenCV as it is")
    parser.add_argument(
        "--data",
        metavar="FILE",
        default=os.environ.get("FASTCONV_MNIST"),
        help="an mnist.npz, which keras.datasets.mnist.load_data() then reads; FASTCONV_MNIST names one too",
    )
    parser.add_argument("-V", "--version", action="version", version=f"fastconv {__version__}")
    parser.add_argument(
        "-m",
        dest="module",
        nargs=argparse.REMAINDER,
        metavar="module",
        help="run a module, as python -m does; the rest are its arguments",
    )
    parser.add_argument(
        "-c",
        dest="command",
        nargs=argparse.REMAINDER,
        metavar="command",
        help="run a string, as python -c does; the rest are its arguments",
    )
    parser.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        help="the script, or - for one on standard input; the rest are its arguments",
    )
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
    with io.open_code(path) as file:
        source = file.read()
    names = _main_module(SourceFileLoader("__main__", path), __file__=path, __cached__=None)
    _execute(source, path, names)


def _main_module(loader: Any, **names: Any) -> dict[str, object]:
    """The names of a fresh __main__ as Python makes it."""
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(module).update(__loader__=loader, __annotations__={}, __builtins__=builtins, **names)
    return vars(module)


def _execute(source: str | bytes, path: str, names: dict[str, object]) -> None:
    exec(compile(source, path, "exec", dont_inherit=True), names)


def _run_command(argv: list[str]) -> None:
    sys.argv[:] = ["-c", *argv[1:]]
    _search_here()
    _execute(argv[0], "<string>", _main_module(BuiltinImporter))


def _run_stdin(argv: list[str]) -> None:
    sys.argv[:] = argv
    _search_here()
    names = _main_module(BuiltinImporter, __file__="<stdin>", __cached__=None)
    if sys.stdin.isatty():
        importlib.import_module("code").interact(local=names)
    else:
        _execute(sys.stdin.buffer.read(), "<stdin>", names)


def _search_here() -> None:
    if not sys.flags.safe_path:
        sys.path[0] = ""


def _run_module(argv: list[str]) -> None:
    sys.argv[:] = argv
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


def _without_our_frames(traceback: Any) -> Any:
    """The traceback from the script's first frame on; None where it has none, as for its syntax errors."""
    ours = {__file__, runpy.__file__, "<frozen runpy>"}
    while traceback is not None and traceback.tb_frame.f_code.co_filename in ours:
        traceback = traceback.tb_next
    return traceback


def _choose(options: Any) -> tuple[Callable[[list[str]], None], list[str]]:
    """What runs it, and what is to be run with its arguments; argparse finds those of -mNAME with the script's."""
    for run, named in ((_run_module, options.module), (_run_command, options.command)):
        if named is not None:
            return run, named and named + options.script
    return (_run_stdin if options.script[:1] == ["-"] else _run_script), options.script


def main(argv: list[str] | None = None) -> None:
    """Run the command, script or module that argv names; returns or raises SystemExit as the script does.

    Without any it says what there is.
    """
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in cli.COMMANDS:
        sys.exit(cli.main(argv[0], argv[1:]))
    parser = _parser()
    if not argv:
        parser.print_help()
        return
    options = parser.parse_args(argv)
    run, target = _choose(options)
    if not target:
        parser.error("a script, -m module, -c command or - is needed")
    actions = {"keras": _patch_keras} if options.keras else {}
    actions |= {name: partial(_replace, name) for name in ("scipy.signal", "scipy.ndimage") if options.scipy}
    actions |= {"cv2": partial(_replace, "cv2")} if options.cv2 else {}
    _AfterImport(actions | {"keras.src.datasets.mnist": partial(read_mnist_from, options.data)}).install()
    if options.verbose:
        _log_to_stderr()
    try:
        run(target)
    except Exception as error:
        error.__traceback__ = _without_our_frames(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


if __name__ == "__main__":
    main()
