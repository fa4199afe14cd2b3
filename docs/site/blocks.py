"""The code blocks of a Markdown page, and how they run: ``python docs/site/blocks.py PAGE FOLDER`` runs a page's.

A page's blocks of ``python`` run in order, in one namespace, in one folder. A block of ``text`` right after one is what
it prints. Blocks of other languages are not run.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ("examples/mnist_small.npz",)  # what pages read by its name alone
_FENCE = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$(?:\s*^\1```text\n(.*?)^\1```$)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    output: str | None
    line: int


def blocks(page: str) -> list[Block]:
    """All fenced blocks that name a language, but those of what one before prints."""
    return [
        Block(
            match[2],
            textwrap.dedent(match[4]),
            None if match[5] is None else textwrap.dedent(match[5]),
            page.count("\n", 0, match.start()) + 2,
        )
        for match in _FENCE.finditer(page)
    ]


def run(path: Path) -> int:
    """Run a page's blocks of Python in the current folder; how many there are.

    Raises
    ------
    AssertionError
        Where a block prints something else than the page says.
    """
    page = path.read_text(encoding="utf-8")
    names = {"__name__": "__main__"}
    found = [block for block in blocks(page) if block.language == "python"]
    for block in found:
        printed = io.StringIO()
        # Line numbers of tracebacks are the page's.
        code = compile("\n" * (block.line - 1) + block.code, str(path), "exec", dont_inherit=True)
        with contextlib.redirect_stdout(printed) if block.output is not None else contextlib.nullcontext():
            exec(code, names)
        if block.output is not None and printed.getvalue().split() != block.output.split():
            raise AssertionError(f"{path}:{block.line} prints\n{printed.getvalue()}\nnot\n{block.output}")
    return len(found)


def main(page: str, folder: str) -> None:
    """Run a page's blocks in a folder, which gets the data that pages read."""
    import os

    path = Path(page).resolve()
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for file in DATA:
        if not Path(Path(file).name).exists():
            shutil.copy(ROOT / file, ".")
    os.environ.setdefault("MPLBACKEND", "Agg")
    print(f"{run(path)} blocks of {page}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
