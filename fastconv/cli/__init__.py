"""The commands of ``python -m fastconv``: one module each, imported when the command is given.

A module's docstring is what ``--help`` says. ``add_arguments(parser)`` declares its command line, and
``run(arguments)`` returns the exit code, None for 0. Its OSError, ValueError or ImportError is said in one line.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

__all__ = ["COMMANDS", "main", "positive"]

COMMANDS = {
    "predict": "what a network answers for pictures",
    "bench": "how fast a network is, and where its time goes",
    "convert": "a network as a file of fastconv's own",
    "quantize": "a network in 8 bits, and what that loses",
    "serve": "a network over HTTP",
    "demo": "a trained LeNet, and a page to draw digits on",
    "selftest": "whether the kernels are right on this CPU",
    "info": "what this build is, and what each instruction set needs",
}


def main(name: str, argv: list[str]) -> int:
    """Run one of `COMMANDS` with its arguments; the exit code."""
    command = importlib.import_module(f"{__name__}.{name}")
    program = f"python -m fastconv {name}"
    parser = argparse.ArgumentParser(
        prog=program, description=command.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_arguments(parser)
    arguments = parser.parse_args(argv)
    try:
        code = command.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has left. Python's own flush at exit would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, ImportError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    return code or 0


def positive(text: str) -> int:
    """An argument that is a whole number from 1 on, for argparse."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on; received {text!r}")
    return int(text)
