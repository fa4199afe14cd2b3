"""The command: workers, each a process of its own, watched for crashes and for cases that do not end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import table, worker

HANGS_AFTER = 20.0  # seconds of one case, on all of its cores
WAITS = 10  # times as long by the clock, for a case that waits and computes nothing
MEMORY = 6 << 30  # bytes of address space of a worker
# New memory is filled with 0x7f, so that what is read before it is written shows.
ENVIRONMENT = {"MALLOC_PERTURB_": "128", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


class Process:
    """A worker on every step-th case from first to last; a crash ends the case, and the next one goes on."""

    def __init__(self, options, first: int, last: int, step: int):
        self.options, self.last, self.step = options, last, step
        self.file = tempfile.NamedTemporaryFile()  # noqa: SIM115
        self.done, self.ended, self.failures = 0, False, 0
        self._start(first)

    def _start(self, first: int):
        self.file.seek(0)
        self.file.write(worker.STATE.pack(first, 0))
        self.file.flush()
        self.index, self.before = first, self.done
        arguments = {
            "state_file": self.file.name,
            "seed": self.options.seed,
            "first": first,
            "step": self.step,
            "last": self.last,
            "only": self.options.function,
            "limit": 0 if "asan" in os.environ.get("LD_PRELOAD", "") else MEMORY,
        }
        path = os.pathsep.join(p for p in (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")) if p)
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "fuzz.worker", json.dumps(arguments)],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=os.environ | ENVIRONMENT | {"PYTHONPATH": path},
        )
        os.set_blocking(self.child.stdout.fileno(), False)
        self.text = b""
        self.begun, self.used = time.monotonic(), 0.0

    def poll(self):
        """Print what has failed since."""
        ended = self.child.poll() is not None
        self.text += self.child.stdout.read() or b""
        *lines, self.text = self.text.split(b"\n")
        for line in lines:
            self._report(*json.loads(line))
        with open(self.file.name, "rb") as file:
            index, done = worker.STATE.unpack(file.read(worker.STATE.size))
        if index != self.index:
            self.index, self.begun, self.used = index, time.monotonic(), processor_seconds(self.child.pid)
        self.done = self.before + done
        if ended and index < 0:
            self.ended = True
        elif ended:
            self._crashed(self._reason())
        elif self._endless():
            self.child.send_signal(signal.SIGABRT)  # faulthandler says where it is
            self.child.wait()
            self._crashed(f"no end after {self.options.hang:g} s {self._reason()}")

    def _endless(self) -> bool:
        waited = time.monotonic() - self.begun
        if waited <= self.options.hang:
            return False
        # A machine that is busy or stopped for a while makes no case endless.
        return waited > WAITS * self.options.hang or processor_seconds(self.child.pid) - self.used > self.options.hang

    def _reason(self) -> str:
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace")
        if self.options.verbose or "Sanitizer" in text or "runtime error" in text:
            print(text[-6000:], flush=True)
        code = self.child.returncode
        return f"crashed: {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"

    def _crashed(self, reason: str):
        self._report(self.index, reason)
        self.done += 1
        if self.index + self.step < self.last:
            self._start(self.index + self.step)
        else:
            self.ended = True

    def _report(self, index: int, wrong: str):
        self.failures += 1
        case = table.draw(self.options.seed, index, self.options.function)
        report(
            case,
            wrong,
            f"--seed {self.options.seed} --case {index}"
            + (f" --function {self.options.function}" if self.options.function else ""),
        )

    def stop(self):
        if not self.ended and self.child.poll() is None:
            self.child.kill()
            self.child.wait()


def processor_seconds(pid: int) -> float:
    """What a running process has computed on all of its cores; 0 where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(case: dict, wrong: str, options: str) -> None:
    """One line that says what failed and how to run it again, and the case on its own."""
    isa = os.environ.get("FASTCONV_ISA")
    command = f"{f'FASTCONV_ISA={isa} ' if isa else ''}python python_tests/fuzz/run.py {options}"
    print(f"FAILED {case['function']}: {wrong} | {command}\n    {json.dumps(case)}", flush=True)


def arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="python python_tests/fuzz/run.py",
        description="Random calls of every function against references in float64.",
    )
    parser.add_argument("--minutes", type=float, help="how long (1 unless --cases is given)")
    parser.add_argument("--cases", type=int, help="how many cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the first case")
    parser.add_argument("--case", help="only this one: its number, or the JSON that a failure printed")
    parser.add_argument("--function", choices=sorted(table.FUNCTIONS), help="only this one")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--hang", type=float, default=HANGS_AFTER, help="seconds after which a case passes for endless")
    parser.add_argument("--verbose", action="store_true", help="print what a process that crashed wrote")
    return parser.parse_args(words)


def run_one(options) -> int:
    """A case in this process, so that a debugger sees it."""
    given = options.case.lstrip().startswith("{")
    case = json.loads(options.case) if given else table.draw(options.seed, int(options.case), options.function)
    print(json.dumps(case), flush=True)
    wrong = worker.run_case(case)
    print(wrong or "passed")
    return 1 if wrong else 0


def run_many(options) -> int:
    end = time.monotonic() + 60 * (options.minutes or (1 if options.cases is None else 1e9))
    last = options.first + (2**62 if options.cases is None else options.cases)
    begun = time.monotonic()
    processes = [Process(options, options.first + i, last, options.jobs) for i in range(options.jobs)]
    try:
        while time.monotonic() < end and not all(p.ended for p in processes):
            time.sleep(0.05)
            for process in processes:
                if not process.ended:
                    process.poll()
    finally:
        for process in processes:
            process.stop()
    done, failures = sum(p.done for p in processes), sum(p.failures for p in processes)
    print(f"{done} cases of seed {options.seed}, {failures} failed, {done / (time.monotonic() - begun):.0f} a second")
    return 1 if failures else 0


def main(words=None) -> int:
    options = arguments(words)
    return run_many(options) if options.case is None else run_one(options)
