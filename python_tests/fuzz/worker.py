"""Runs the cases of one process, which says beforehand in shared memory which one it begins."""

from __future__ import annotations

import faulthandler
import json
import mmap
import resource
import struct
import sys
import traceback

import numpy as np

import fastconv

from . import table
from .check import Mismatch

STATE = struct.Struct("<qq")  # the index of the case that runs, and how many are done


def run_case(case: dict) -> str | None:
    """None where the case holds, else what is wrong with it."""
    fastconv.set_float32_precision("highest")  # a case before may have left another
    try:
        with np.errstate(all="ignore"):
            table.FUNCTIONS[case["function"]].run(case)
    except Mismatch as mismatch:
        return str(mismatch)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({place.filename.rpartition('/')[2]}:{place.lineno})"
    return None


def work(state_file: str, seed: int, first: int, step: int, last: int, only: str | None, limit: int) -> None:
    """Cases first, first + step, ... below last; failures go to standard output, a line of JSON each."""
    faulthandler.enable()
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with open(state_file, "r+b") as file:
        state = mmap.mmap(file.fileno(), STATE.size)
    done = 0
    for index in range(first, last, step):
        STATE.pack_into(state, 0, index, done)
        wrong = run_case(table.draw(seed, index, only))
        done += 1
        if wrong:
            print(json.dumps([index, wrong]), flush=True)
    STATE.pack_into(state, 0, -1, done)


if __name__ == "__main__":
    work(**json.loads(sys.argv[1]))
