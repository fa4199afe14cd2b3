"""Networks of PyTorch, stock and accelerated: ``python bench/run.py --suite torch``.

The networks of `torch_models.py`, forward at batches of 1 and 8 and, with ``--full``, training at 8. Stock forms are in
both memory formats, forward with batch normalizations folded into convolutions; `torch.compile` where a C++ compiler
works. Every accelerated result is held against the stock one.
"""

from __future__ import annotations

import copy
import math
import shutil
import warnings

from timing import Effort, interleaved

import fastconv.torch
from fastconv import cpu

EFFORT = Effort(5, 0.03, 3.0)
FORMS = "stock", "channels_last", "inductor", "accelerated", "accelerated channels_last"


def main(isa: str | None, full: bool, text: str, batches: tuple[int, ...] | None, threads: int) -> int:
    """Print a table; 1 where an answer is wrong."""
    import torch
    from torch_models import MODELS

    torch.set_num_threads(threads)
    wrong = 0
    with cpu.use_isa(isa or cpu.active_isa()):
        for batch in batches or (1, 8):
            wrong += _table([name for name in MODELS if text in name], batch, False)
        if full:
            wrong += _table([name for name in MODELS if text in name], 8, True)
        print(f"\n{cpu.active_isa()}, {threads} threads, PyTorch {torch.__version__}")
    return int(wrong > 0)


def _table(names: list[str], batch: int, training: bool) -> int:
    print(f"\n| {'training' if training else 'forward'}, batch {batch} |", " | ".join(FORMS), "| ratio | inductor |")
    print("| --- |", " | ".join("---:" for _ in FORMS), "| ---: | ---: |")
    ratios, wrong = [], 0
    for name in names:
        times, is_right = _row(name, batch, training)
        best = min(times[form] for form in FORMS[:2])
        ours = min(times[form] for form in FORMS[3:] if form in times)
        ratios.append(best / ours)
        cells = [f"{1e3 * times[form]:.3g} ms" if form in times else "" for form in FORMS]
        compiled = f"{times['inductor'] / ours:.2f}" if "inductor" in times else ""
        print(
            f"| {name} |",
            " | ".join(cells),
            f"| {ratios[-1]:.2f} | {compiled} |",
            "" if is_right else "wrong",
            flush=True,
        )
        wrong += not is_right
    print(f"geometric mean {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}")
    return wrong


def _row(name: str, batch: int, training: bool) -> tuple[dict[str, float], bool]:
    """Seconds of each form, and whether the accelerated results are right."""
    import torch
    from torch_models import MODELS, drawn

    model = drawn(name).train(training)
    x = torch.randn(batch, *MODELS[name][1])
    last = {"memory_format": torch.channels_last}
    stock = model if training else _folded(model)
    forms = {"stock": (stock, x), "channels_last": (copy.deepcopy(stock).to(**last), x.contiguous(**last))}
    if shutil.which("g++") and not training:
        forms["inductor"] = torch.compile(copy.deepcopy(stock)), x
    for form, (original, given) in (("", (model, x)), (" channels_last", (model, x.contiguous(**last)))):
        memory = last if form else {}
        # Where whole networks run on plans, what is measured of their modules decides nothing.
        example = given if training else None
        forms["accelerated" + form] = fastconv.torch.accelerate(copy.deepcopy(original).to(**memory), example), given
    with torch.set_grad_enabled(training), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs = {form: _run(*pair, training) for form, pair in forms.items()}
        results = {form: run() for form, run in runs.items()}
        seconds = {form: timing.seconds for form, timing in interleaved(runs, EFFORT).items()}
    expected = results["stock"]
    errors = [torch.linalg.vector_norm(results[form] - expected) for form in results if form.startswith("accelerated")]
    return seconds, bool(max(errors) <= 1e-4 * torch.linalg.vector_norm(expected))


def _run(model, x, training: bool):
    if not training:
        return lambda: model(x)

    def step():
        for parameter in model.parameters():
            parameter.grad = None
        y = model(x)
        y.square().mean().backward()
        return y.detach()

    return step


def _folded(model):
    """The stock form that is fastest in inference."""
    from torch.fx.experimental.optimization import fuse

    return fuse(model.eval())
