"""What pages name is there: files of the repository, commands with their options, functions of the C library."""

import argparse
import importlib
import re
import shlex
from pathlib import Path

import blocks
import c_reference
import pytest

from fastconv import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / f"{name}/README.md" for name in ("csrc", "bench")),
]
PAGES = sorted(page for page in [*PAGES, ROOT / "examples/README.md"] if page.name != "CHANGELOG.md")
# Pages say `ops/conv2d/plan.c` for a file of csrc, and `passes/layout.py` for one of fastconv/network.
FOLDERS = (
    "",
    "csrc",
    "csrc/kernels",
    "csrc/ops/conv2d",
    "fastconv",
    "fastconv/network",
    "fastconv/network/training",
    "python_tests",
)
MADE_UP = {"shapes/layers-NAME.txt"}
_FILE = re.compile(r"(?<![\w/.:<{])(?:[\w.-]+/)+[\w.-]+\.(?:c|h|inc|py|md|txt|pyx|pyi|yml|html|css|js)\b")


def uri(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def words(line: str) -> list[str]:
    """A command's words, without the variables set in front of it."""
    found = shlex.split(line, comments=True)
    while found and re.match(r"\w+=", found[0]):
        found.pop(0)
    return found


@pytest.mark.parametrize("page", PAGES, ids=uri)
def test_files_that_a_page_names_exist(page):
    inline = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    named = {name for text in inline for name in _FILE.findall(text)} - MADE_UP
    places = [*(ROOT / folder for folder in FOLDERS), page.parent]
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("page", PAGES, ids=uri)
def test_commands_of_a_page_take_their_arguments(page):
    shell = [block.code for block in blocks.blocks(page.read_text(encoding="utf-8")) if block.language == "sh"]
    for line in "".join(shell).replace("\\\n", " ").splitlines():
        if "python -m fastconv " not in line or " --help" in line:
            continue
        given = words(line)[3:]
        if given and given[0] in cli.COMMANDS:
            parser = argparse.ArgumentParser(prog=line)
            importlib.import_module(f"fastconv.cli.{given[0]}").add_arguments(parser)
            parser.parse_args(given[1:])  # exits, and so fails, where it does not know one


@pytest.mark.parametrize("page", PAGES, ids=uri)
def test_scripts_and_tests_that_a_page_runs_exist(page):
    shell = [block.code for block in blocks.blocks(page.read_text(encoding="utf-8")) if block.language == "sh"]
    lines = [line for line in "".join(shell).splitlines() if re.match(r"(?:\w+=\S+ )*(?:python|pytest) ", line)]
    run = [word for line in lines for word in words(line)[1:] if re.fullmatch(r"\w+/[\w/]+\.py", word)]
    assert [name for name in run if not (ROOT / name).exists()] == []


def test_the_c_reference_has_every_function_and_type_of_the_headers():
    page = c_reference.page()
    anchors = set(re.findall(r'\{#(\w+)|id="(\w+)"', page))
    anchors = {name for pair in anchors for name in pair if name}
    for path in c_reference.HEADERS.glob("*.h"):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        functions = re.findall(r"^[a-z][\w ]*[ *](fc_\w+)\(", code, re.MULTILINE)
        assert {*functions, *re.findall(r"^\} (fc_\w+);", code, re.MULTILINE)} <= anchors, path.name


def test_a_comment_is_the_contract_of_what_stands_below_it():
    header = c_reference.read(
        "x.h",
        "/* SPDX-License-Identifier: MIT */\n/* What x is.\n * Two lines. */\n#ifndef X_H\n#define X_H\nFC_BEGIN\n\n"
        "/* Of a macro, which is left out. */\n#define FC_X \\\n    1\n\n"
        "/* ---------------- sums */\n\n/* Adds |a| * b. */\nint fc_a(int a); /* 0 */\n"
        "int fc_b(void);\nint fc_c(void);\n\n"
        "typedef struct fc_d {\n    int e; /* ; */\n\n    int f;\n} fc_d;\n\nFC_END\n#endif\n",
    )
    assert header.about == "What x is.\nTwo lines."
    title, first, second = header.entries
    assert title == "sums"
    assert (first.comment, first.names) == ("Adds |a| * b.", ["fc_a", "fc_b", "fc_c"])
    assert first.code[0] == "int fc_a(int a); /* 0 */"
    assert (second.comment, second.names) == ("", ["fc_d"])
