"""Whole networks from files, each library in a process of its own; of `start`, a fresh one for each call."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import network_files
import numpy as np

from peers import Candidate
from peers.process import Server, settings

_SERVER = Path(__file__).parents[1] / "network_server.py"
# What `pip install` is told to install, by library.
_DISTRIBUTIONS = {"litert": ["ai-edge-litert"], "mnn": ["MNN"], "keras": ["keras", "tensorflow-cpu"]}
_STARTS = 3
_servers: dict[str, Server] = {}
_threads = 1


def setup(threads):
    global _threads
    _threads = threads


def announce(problem, variant):
    """Begin the process; networks are loaded one after the other, as some libraries need every core for it."""
    if problem.op != "start" and variant not in _servers:
        _servers[variant] = Server(_SERVER, variant, settings())


def candidate(problem, variant):
    folder = Path(problem.options["folder"])
    if variant in network_files.CONVERTED:
        network_files.convert(folder, variant)
    if problem.op == "start":
        return _start(folder, variant)
    images = folder / f"{len(problem.arrays['x'])}.npy"
    if not images.exists():
        np.save(images, problem.arrays["x"])
    server = _servers[variant]
    server.build(folder=str(folder), images=str(images), batch=problem.options["batch"], threads=_threads)
    return Candidate(server.run, answer=server.answer())


def release(problem, variant):
    if problem.op != "start":
        _servers[variant].drop()


def _start(folder: Path, variant: str) -> Candidate:
    def run():
        return _process([str(_SERVER), variant, str(folder)])

    found = [run() for _ in range(_STARTS)]
    cpu, memory = min(cpu for cpu, _ in found), max(memory for _, memory in found)
    size = installed_bytes(_DISTRIBUTIONS.get(variant, [variant]))
    figures = {"cpu_seconds": cpu, "rss_bytes": memory, "installed_bytes": size}
    note = f"{cpu:.2f} s of CPU, {memory / 1e6:.0f} MB, {size / 1e6:.0f} MB installed"
    if variant == "fastconv":
        figures["numpy_cpu_seconds"] = min(_process(["-c", "import numpy"])[0] for _ in range(_STARTS))
        note += f"; NumPy's import {figures['numpy_cpu_seconds']:.2f} s of CPU"
    return Candidate(run, note=note, check=False, figures=figures)


def _process(arguments: list[str]) -> tuple[float, int]:
    """CPU seconds of a Python process, and the last that it prints: for a start the most bytes it held."""
    environment = os.environ | settings()
    environment.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # installed packages are compiled, a source tree is by the first start
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    printed, said = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError((said.strip().splitlines() or ["its process failed"])[-1])
    return usage.ru_utime + usage.ru_stime, int((printed.split() or ["0"])[-1])


@cache
def _size(name: str) -> int:
    return sum(file.locate().stat().st_size for file in metadata.files(name) or () if file.locate().is_file())


def installed_bytes(names: list[str]) -> int:
    """Bytes of the files of distributions and of all that they need."""
    todo, seen = [*names], set()
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        try:
            needs = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:
            continue  # not needed on this platform
        seen.add(name)
        todo += [re.match(r"[\w.-]+", need)[0] for need in needs if "extra ==" not in need]
    return sum(map(_size, seen))
