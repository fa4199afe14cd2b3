"""Draw a digit in the browser, and see a LeNet read it: a small trained network served on this machine.

Nothing is trained and nothing downloaded: the network comes with the package (examples/demo_lenet.py trained it).
"""

from __future__ import annotations

import argparse
import errno
import threading
from pathlib import Path

from .. import serve

__all__ = ["add_arguments", "run"]

_MODEL = Path(__file__).with_name("lenet.fcn")
_PORT = 8501


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="print the address only")
    parser.add_argument("--port", type=int, help=f"default: {_PORT}, or a free one where that is taken; 0: a free one")


def run(arguments: argparse.Namespace) -> None:
    def ready(url: str) -> None:
        print(f"LeNet waits for digits at {url} (Ctrl-C ends it)", flush=True)
        if arguments.browser:
            threading.Thread(target=_open, args=(url,), daemon=True).start()

    settings = serve.Settings()
    port = _PORT if arguments.port is None else arguments.port
    try:
        serve.run(_MODEL, "lenet", port=port, settings=settings, ready=ready)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or arguments.port is not None:
            raise
        serve.run(_MODEL, "lenet", port=0, settings=settings, ready=ready)


def _open(url: str) -> None:
    import webbrowser

    webbrowser.open(url)
