"""Pages of the course as notebooks, with the same code; a first cell installs what they need.

``python docs/site/notebooks.py FOLDER`` writes them there and runs each in a Jupyter kernel (nbclient and ipykernel, of
the extra `docs`).
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import blocks

# A hosted notebook comes without fastconv.
INSTALL = """\
from importlib.util import find_spec

if not (find_spec("fastconv") and find_spec("matplotlib")):
    %pip install -q fastconv matplotlib"""
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a notebook shows by itself, or cannot show: pictures that the code draws, elements of the site.
_ONLY_ON_SITE = re.compile(r"^(?:!\[.*\]\(.*\)|<div.*</div>|<!--.*-->)$\n?", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)([^)]*)\)")


def notebook(page: str, note: str = "") -> str:
    """The JSON of a page: its blocks of Python as code, all else as Markdown; a note before them, if it reads data."""
    parts = _FENCE.split(page)
    cells = [_cell("code", INSTALL)]
    if note and reads_data(page):
        cells.insert(0, _cell("markdown", note))
    for text, language, code in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        if text := _LINK.sub(_link, _ONLY_ON_SITE.sub("", text)).strip():
            cells.append(_cell("markdown", text))
        if language == "python":
            cells.append(_cell("code", code.rstrip("\n")))
        elif language not in ("", "text"):  # text is what a block of Python prints
            cells.append(_cell("markdown", f"```{language}\n{code}```"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps(
        {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4},
        ensure_ascii=False,
        indent=1,
    )


def reads_data(page: str) -> bool:
    """Whether the page's code reads a file that lies beside it."""
    return any(file.rpartition("/")[2] in page for file in blocks.DATA)


def _link(match: re.Match) -> str:
    """A link to a page beside leads to its notebook; one to the rest of the site is its text."""
    text, target = match.groups()
    beside = re.fullmatch(r"(\d-[\w-]+)\.md", target)
    return f"[{text}]({beside[1]}.ipynb)" if beside else text


def _cell(kind: str, text: str) -> dict:
    cell = {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell


def main(folder: str) -> None:
    """Run every notebook of the course, in English and in Chinese."""
    for language, pages in (("en", "docs/learn"), ("zh", "docs/zh/learn")):
        work = Path(folder) / language
        work.mkdir(parents=True, exist_ok=True)
        for file in blocks.DATA:
            shutil.copy(blocks.ROOT / file, work)
        for page in sorted((blocks.ROOT / pages).glob("*.md")):
            path = work / f"{page.stem}.ipynb"
            path.write_text(notebook(page.read_text(encoding="utf-8")), encoding="utf-8")
            print(f"{language}/{path.name}: {_run(path)} cells ran", flush=True)


def _run(path: Path) -> int:
    """Run a notebook in its folder; how many cells of code it has. A cell that raises ends this with its traceback."""
    import nbformat
    from nbclient import NotebookClient

    cells = nbformat.read(path, as_version=4)
    NotebookClient(cells, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    nbformat.write(cells, path)
    return sum(cell.cell_type == "code" for cell in cells.cells)


if __name__ == "__main__":
    main(*sys.argv[1:])
