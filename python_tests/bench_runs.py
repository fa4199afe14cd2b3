"""The benchmark as tests run it: its command line, its modules, and rows as it measures them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import fastconv

BENCH = Path(__file__).parents[1] / "bench"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line on the fastconv that this process has imported."""
    environment = os.environ | {"PYTHONPATH": str(Path(fastconv.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, str(BENCH / "run.py"), *arguments],
        env=environment,
        timeout=240,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def module(monkeypatch, name: str):
    """A module of the benchmark, which finds its siblings as it does in a run of run.py."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module(name)


def row_of(net: str, batch: int, peers: dict[str, float], **own: float) -> dict:
    """A row whose candidates took these seconds, all with the right answer."""
    times = {name.replace("_", "-"): seconds for name, seconds in own.items()} | peers
    return {
        "case": f"{net}, batch {batch}",
        "problems": {},
        "image": None,
        "layer": {"net": net, "batch": batch, "channels": 64, "filters": 64, "groups": 1},
        "results": {name: {"seconds": seconds, "error": 1e-7, "wrong": False} for name, seconds in times.items()},
    }
