"""Whether the kernels are right on this CPU: every family on every instruction set, against NumPy. It takes seconds.

What it prints is the report that an issue needs.
"""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the numbers")


def run(arguments: argparse.Namespace) -> int:
    from .. import testing

    found = testing.self_test(arguments.seed)
    print(found)
    return 1 if found.failures else 0
