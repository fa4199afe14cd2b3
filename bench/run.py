"""Time fastconv next to every other library that is installed: ``python bench/run.py --help``."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

INSTALL = "pip install '.[bench,keras]'"
# timing.Effort's rounds, slot, limit and behind. On a slow or busy machine --quick takes fewer rounds, to end near its
# budget.
QUICK, FULL, FULL_LAYERS, FULL_IMAGE = (5, 0.01, 0.25), (9, 0.03, 10.0), (7, 0.02, 0.8), (7, 0.02, 0.5, 8.0)
QUICK_BUDGET = 45.0
# What holds the peers to an instruction set, as --isa holds fastconv: oneDNN (TensorFlow, PyTorch), PyTorch's own
# kernels, XLA, OpenCV, and the OpenBLAS that measures the peak. ONNX Runtime has no such switch; SciPy's filters are
# compiled for no more.
CAPPED = {
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENCV_CPU_DISABLE": "AVX512-SKX",
    }
}


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time fastconv next to every other library that is installed.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a selection of every suite, under a minute (the default)")
    size.add_argument("--full", action="store_true", help="every case")
    parser.add_argument(
        "--suite",
        action="append",
        metavar="NAME",
        help="some of image, layers, grads, pool, activation, step, keras, networks; or regret or torch alone",
    )
    parser.add_argument("--filter", default="", metavar="TEXT", help="only cases whose name contains this")
    parser.add_argument("--peers", action="append", metavar="A,B", help="only these libraries, or none")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="for every library (default: one a CPU)")
    parser.add_argument("--isa", metavar="NAME", help="run fastconv on this instruction set")
    parser.add_argument(
        "--precision",
        choices=("highest", "high", "medium"),
        default="highest",
        help="fastconv.set_float32_precision; its answers are held to the promise",
    )
    parser.add_argument("--batch", metavar="N,N", help="the layers suite at these batches (default: 1, 8 and 32)")
    parser.add_argument(
        "--layout",
        choices=("nhwc", "nchw"),
        help="fastconv's convolution of layers in one layout (default: both); peers keep theirs",
    )
    parser.add_argument("--model", metavar="FILE", help="the networks suite for this file: .keras, .h5, .fcn or .onnx")
    parser.add_argument("--rounds", type=int, metavar="N", help="measurements of each candidate")
    parser.add_argument("--json", metavar="FILE", help="write all results")
    parser.add_argument(
        "--plot",
        metavar="FILE.png",
        help="draw the ratios; of images, times over kernel sizes, in FILE-float32.png and so on; of "
        "the keras suite, bars in FILE-keras.png",
    )
    parser.add_argument("--roofline", metavar="FILE.png", help="draw every library's rates under the machine's peaks")
    parser.add_argument("--details", action="store_true", help="print a table a suite after the overview")
    parser.add_argument("--markdown", action="store_true", help="print README's table; with --details the site's")
    parser.add_argument("--compare", metavar="OLD.json", help="what changed since an earlier --json")
    arguments = parser.parse_args(argv)
    for name in ("threads", "rounds"):
        value = getattr(arguments, name)
        if value is not None and value < (name == "rounds"):
            parser.error(f"`--{name}` must be at least 1; received {value}")
    arguments.batch = _batches(parser, arguments.batch)
    if arguments.model and not Path(arguments.model).is_file():
        parser.error(f"`--model` must name a file; received {arguments.model!r}")
    if arguments.compare and not Path(arguments.compare).is_file():
        parser.error(f"`--compare` must name a file made by --json; received {arguments.compare!r}")
    return arguments


def _batches(parser: argparse.ArgumentParser, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    words = text.split(",")
    if not all(word.isdigit() and int(word) for word in words):
        parser.error(f"`--batch` must be whole numbers from 1 on, with commas between; received {text!r}")
    return tuple(dict.fromkeys(map(int, words)))


def _words(values: list[str] | None) -> list[str] | None:
    return None if values is None else [word for value in values for word in value.split(",") if word]


def _set_environment(threads: int, isa: str | None) -> None:
    """What the libraries read when they are loaded: thread counts, instruction sets, no GPU, less log."""
    count = str(threads)
    counts = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NPROC",
        "PJRT_NPROC",
        "TF_NUM_INTRAOP_THREADS",
    )
    os.environ |= dict.fromkeys(counts, count)
    # With all CPUs, how many operations TensorFlow runs at a time stays what it is for a program that sets nothing.
    if threads < _cpus():
        os.environ["TF_NUM_INTEROP_THREADS"] = count
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "tensorflow"}
    os.environ |= CAPPED.get(isa or os.environ.get("FASTCONV_ISA"), {})
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _select(arguments: argparse.Namespace) -> tuple[list, list, list[str]]:
    """(cases, peers to run, names of peers that are not installed)."""
    import cases
    import peers

    suites = _words(arguments.suite) or list(cases.SUITES)
    for suite in suites:
        if suite not in cases.SUITES:
            raise ValueError(f"`--suite` must be one of {', '.join(cases.SUITES)}; received {suite!r}")
    chosen = [
        case
        for suite in cases.SUITES
        if suite in suites
        for case in cases.load(suite, arguments.batch)
        if (arguments.full or case.quick) and arguments.filter in case.name
    ]
    if arguments.model:
        chosen = cases.of_file(arguments.model, arguments.batch)
    wanted = peers.select(_words(arguments.peers))
    missing = [peer.name for peer in wanted if not peer.installed]
    for suite in ("keras", "networks"):
        made = [case for case in chosen if case.suite == suite and "net" in case.settings]
        if made and not (find_spec("keras") and find_spec("tensorflow")):
            missing.append(f"the {suite} suite (it needs keras and tensorflow)")
            chosen = [case for case in chosen if case not in made]
    return chosen, [peer for peer in wanted if peer.installed], missing


def _measure(arguments: argparse.Namespace, threads: int) -> dict:
    """Run the selection under a progress bar."""
    import machine
    import numpy as np
    from rich import progress as bars
    from rich.console import Console
    from runner import Runner
    from timing import Effort

    import fastconv
    from fastconv import cpu

    start = time.perf_counter()
    end = math.inf if arguments.full else start + QUICK_BUDGET
    chosen, peers, missing = _select(arguments)
    full = {"layers": FULL_LAYERS, "image": FULL_IMAGE}
    efforts = {case.suite: full.get(case.suite, FULL) if arguments.full else QUICK for case in chosen}
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("left"),
        bars.TimeRemainingColumn(),
    )
    fastconv.set_float32_precision(arguments.precision)
    bar = bars.Progress(*columns, console=Console(stderr=True))
    with cpu.use_isa(arguments.isa or cpu.active_isa()), bar as progress:
        task = progress.add_task("the machine's peak", total=len(chosen))
        found = machine.describe(threads, cpu.active_isa(), arguments.precision)
        name = ""

        def say(what: str) -> None:
            progress.update(task, description=f"{name}: {what}")

        runner = Runner(peers, threads, arguments.precision, arguments.layout, say, arguments.full)
        rows = []
        for case in chosen:
            name = f"{case.suite}, {case.name}"
            left = (end - time.perf_counter()) / (len(chosen) - len(rows))
            rounds, slot, limit, *behind = efforts[case.suite]
            rows.append(runner.row(case, Effort(arguments.rounds or rounds, slot, limit, left, *behind)))
            progress.advance(task)
        machine.measure_again(found)
    versions = {"fastconv": fastconv.__version__, "numpy": np.__version__, **runner.versions}
    rounds = arguments.rounds or max((rounds for rounds, *_ in efforts.values()), default=0)
    return {
        "machine": found,
        "rounds": rounds,
        "seconds": time.perf_counter() - start,
        "versions": versions,
        "missing": missing,
        "rows": rows,
    }


def _show(results: dict, arguments: argparse.Namespace) -> None:
    import compare
    import report
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 170, highlight=False)
    if arguments.markdown:
        print(report.markdown(results, arguments.details))
    else:
        report.print_overview(console, results)
        if arguments.details:
            report.print_tables(console, results)
    if arguments.compare:
        compare.print_comparison(console, json.loads(Path(arguments.compare).read_text()), results)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")
    if arguments.plot:
        import bars
        import curves
        import plot

        for module in (plot, curves, bars):
            for path in module.save(results, arguments.plot):
                print(f"drawn: {path}", file=sys.stderr)
    if arguments.roofline:
        import roofline

        roofline.save(results, arguments.roofline)


def main(argv: list[str] | None = None) -> int:
    """0; 1 where an answer of fastconv is wrong or missing; 2 for a bad argument."""
    arguments = _arguments(argv)
    wanted = ["fastconv", "rich"] + (["matplotlib"] if arguments.plot or arguments.roofline else [])
    if absent := [name for name in wanted if find_spec(name) is None]:
        print(f"bench/run.py needs {' and '.join(absent)}: {INSTALL}", file=sys.stderr)
        return 2
    threads = arguments.threads or _cpus()
    _set_environment(threads, arguments.isa)
    if _words(arguments.suite) == ["regret"]:
        import regret

        return regret.main(arguments.isa)
    if _words(arguments.suite) == ["torch"]:
        import torch_suite

        return torch_suite.main(arguments.isa, arguments.full, arguments.filter, arguments.batch, threads)
    try:
        results = _measure(arguments, threads)
    except ValueError as error:
        print(f"bench/run.py: {error}", file=sys.stderr)
        return 2
    _show(results, arguments)
    import rows

    return int(any(rows.failed(row) for row in results["rows"]))


if __name__ == "__main__":
    sys.exit(main())
