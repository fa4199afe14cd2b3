"""The pages of docs: their code runs, translations are whole, the navigation names every page."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import api_reference
import blocks
import lines
import links
import notebooks
import pytest
import ratios
import translations

import fastconv

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "zh" not in path.relative_to(DOCS).parts)
TRANSLATIONS = translations.pairs()


def uri(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code(path: Path) -> list[blocks.Block]:
    return [block for block in blocks.blocks(path.read_text(encoding="utf-8")) if block.language == "python"]


@pytest.mark.parametrize("page", [page for page in PAGES if code(page)], ids=uri)
def test_a_page_s_code_runs_and_prints_what_it_says(page, tmp_path):
    lines = "".join(block.code for block in code(page))
    needed = set(
        re.findall(r"^(?:import|from) (?:fastconv\.(?=dask|jax|keras|tensorflow|torch))?(\w+)", lines, re.MULTILINE)
    )
    if absent := sorted(name for name in needed if find_spec(name) is None):
        pytest.skip(f"{', '.join(absent)} is not installed")
    done = subprocess.run(
        [sys.executable, str(DOCS / "site/blocks.py"), str(page), str(tmp_path / "page")],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(Path(fastconv.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    pictures = re.findall(r"!\[[^]]+\]\(([\w.-]+)\)", page.read_text(encoding="utf-8"))
    assert [name for name in pictures if not (tmp_path / "page" / name).exists()] == []


@pytest.mark.parametrize(("original", "translation"), TRANSLATIONS, ids=lambda path: uri(path))
def test_a_translation_is_there_has_the_same_code_and_is_not_older(original, translation):
    assert translation.exists()
    assert [(b.language, b.code, b.output) for b in blocks.blocks(translation.read_text(encoding="utf-8"))] == [
        (b.language, b.code, b.output) for b in blocks.blocks(original.read_text(encoding="utf-8"))
    ]
    assert translations.marked(translation) == translations.state(original), (
        f"bring {uri(translation)} up to date, then run: python docs/site/translations.py"
    )


def test_no_translation_is_without_an_original():
    found = {path.relative_to(DOCS / "zh").as_posix() for path in (DOCS / "zh").rglob("*.md")}
    assert found == {path.relative_to(DOCS).as_posix() for path, _ in TRANSLATIONS if DOCS in path.parents}


@pytest.mark.parametrize(("config", "folder"), [("mkdocs.yml", "docs"), ("docs/mkdocs.zh.yml", "docs/zh")])
def test_the_navigation_names_every_page(config, folder):
    named = set(re.findall(r"^ +- (?:[^\n:]+: )?([\w/.-]+\.md)$", (ROOT / config).read_text(), re.MULTILINE))
    written = {path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).rglob("*.md")}
    written = {name for name in written if not name.startswith("zh/")}
    made = {f"reference/{name}.md" for name in api_reference.MODULES}
    assert written <= named
    assert folder == "docs/zh" or made <= named


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "learn"], ids=uri)
def test_a_notebook_has_the_page_s_code(page):
    text = page.read_text(encoding="utf-8")
    found = json.loads(notebooks.notebook(text))
    cells = ["".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "code"]
    assert cells == [notebooks.INSTALL, *(block.code.rstrip("\n") for block in code(page))]
    told = "".join(line for cell in found["cells"] if cell["cell_type"] == "markdown" for line in cell["source"])
    assert "# " in told and ".md)" not in told and "![" not in told and "<div" not in told
    assert notebooks.reads_data(text) == ("mnist_small.npz" in text)
    first = json.loads(notebooks.notebook(text, "a note"))["cells"][0]["source"]
    assert (first == ["a note"]) == notebooks.reads_data(text)


@pytest.mark.parametrize("module", ["fastconv.image", "fastconv.nn", "fastconv.planning", "fastconv.cpu"])
def test_the_reference_has_every_public_name(module):
    public = getattr(sys.modules[module], "__all__")  # noqa: B009
    assert set(public) <= set(api_reference.names(module))


def test_every_variable_of_the_environment_is_in_the_reference():
    page = (DOCS / "reference/environment.md").read_text(encoding="utf-8")
    files = [*(ROOT / "fastconv").rglob("*.py"), *(ROOT / "csrc/core").rglob("*.c"), ROOT / "setup.py"]
    used = {name for path in files for name in re.findall(r"FASTCONV_(?!VERSION)[A-Z0-9_]+", path.read_text())}
    assert {name for name in used if f"`{name}`" not in page} == set()


def test_blocks_tell_language_code_output_and_line():
    page = 'a\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n=== "tab"\n    ```sh\n    ls\n    ```\n'
    assert blocks.blocks(page) == [blocks.Block("python", "print(1)\n", "1\n", 3), blocks.Block("sh", "ls\n", None, 12)]


def test_a_block_that_prints_something_else_fails(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n```text\n2\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md:2 prints"):
        blocks.run(page)


def test_links_that_lead_nowhere_or_outside_are_found(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b/index.html").write_text('<h2 id="c">c</h2><a href="../index.html">a</a>')
    (tmp_path / "index.html").write_text(
        '<a href="b/#c">c</a><a href="b/#d">d</a><a href="e/">e</a><script src="https://x.example/y.js"></script>'
    )
    (tmp_path / "site.css").write_text("@import 'https://x.example/y.css';")
    count, wrong = links.check(tmp_path)
    assert count == 4
    assert [line.split(": ")[1] for line in wrong] == [
        "loads https://x.example/y.js from another host",
        "b/#d names no anchor of its page",
        "e/ leads nowhere",
        "loads from another host",
    ]


def test_lines_of_chinese_are_joined_outside_of_code():
    page = "# 题\n文\n字,\n一\n\n二\n```py\n# 文\n字\n```\n- 三\n四\n"
    assert lines.joined(page) == "# 题\n文字,\n一\n\n二\n```py\n# 文\n字\n```\n- 三四\n"


def test_runs_are_shown_with_their_losses(tmp_path, monkeypatch):
    results = {
        name: {"seconds": seconds, "wrong": False, "error": 0.0}
        for name, seconds in (("fastconv", 2.0), ("torch", 1.0), ("scipy", 8.0))
    }
    row = {"suite": "layers", "case": "a < b", "results": results, "problems": {}}
    machine = {"cpu": "C", "isa": "avx2", "precision": "highest", "threads": 1, "python": "3", "date": "2026-01-01"}
    run = {"machine": machine | {"peak_flops": {}, "copy_bandwidth": 1e9}, "versions": {}, "rows": [row]}
    (tmp_path / "run.json").write_text(json.dumps(run))
    monkeypatch.setattr(ratios, "RUNS", tmp_path)
    shown = ratios.drawn("```ratios\nrun.json\n```\n")
    assert "| layers, a < b | 0.50 | torch |" in shown and "### avx2" in shown
    assert '<th scope="row">layers, a &lt; b</th><td>0.50<span class="behind"' in shown


def test_every_stored_run_is_shown():
    assert sorted(
        (DOCS / "compare.md").read_text(encoding="utf-8").split("```ratios\n")[1].split("```")[0].split()
    ) == (sorted(path.name for path in ratios.RUNS.iterdir()))
