"""What MkDocs calls while it builds the site: generated pages, pictures that pages' code makes, formulas, diagrams."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).resolve().parent))

import api_reference
import blocks
import diagrams
import formulas
import lines
import notebooks
import ratios

ROOT = blocks.ROOT
RUNS = ROOT / "build/pages"  # a folder for each page whose code has run
ORIGINALS = ROOT / "docs"
# Pages that lie elsewhere in the repository, beside what they tell of.
ELSEWHERE = {
    "examples.md": "examples/README.md",
    "inside/core.md": "csrc/README.md",
    "inside/benchmark.md": "bench/README.md",
}
PICTURES = (".png", ".svg")
DOWNLOADS = {
    "en": ("This page as a notebook", "The digits that it reads; put them beside the notebook"),
    "zh": ("本页的 notebook", "它读取的数字图像 (与 notebook 放在一起)"),
}
DATA_NOTES = {
    "en": "This notebook reads `mnist_small.npz`. Download it from the page, and put it beside the notebook.",
    "zh": "请从网页下载本 notebook 读取的 `mnist_small.npz`。把它放在 notebook 旁边。",
}
SEARCH = {"en": "Search", "zh": "搜索"}  # what screen readers call it; the theme leaves it without a name
_DIALOG = 'data-md-component="search" role="dialog"'
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+\.md)(#[^)]*)?\)")


def on_files(files, config):
    """Add the generated pages, and the pictures that the code of pages makes."""
    if config.theme["language"] == "en":
        for uri, text in api_reference.pages().items():
            files.append(File.generated(config, uri, content=text))
        for uri, path in ELSEWHERE.items():
            files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    note = DATA_NOTES[config.theme["language"]]
    for file in [file for file in files if file.is_documentation_page() and file.src_uri.startswith("learn/")]:
        for picture in _run(file.src_uri):
            files.append(File.generated(config, f"learn/{picture.name}", abs_src_path=str(picture)))
        text = Path(file.abs_src_path).read_text(encoding="utf-8")
        files.append(File.generated(config, _notebook_of(file.src_uri), content=notebooks.notebook(text, note)))
    for path in blocks.DATA:
        files.append(File.generated(config, f"learn/{Path(path).name}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri.startswith("learn/"):
        text, data = DOWNLOADS[config.theme["language"]]
        links = [f"[{text}]({Path(_notebook_of(page.file.src_uri)).name})"]
        links += [f"[{data}]({Path(path).name})" for path in blocks.DATA if notebooks.reads_data(markdown)]
        markdown += f"\n\n---\n\n{' · '.join(links)}\n"
    if config.theme["language"] == "zh":
        markdown = lines.joined(markdown)
    return diagrams.drawn(ratios.drawn(_within_site(markdown, page.file.src_uri)))


def on_page_content(html, page, config, files):
    # A table's first cell may be empty, which is no heading then.
    return re.sub(r"<th( [^>]*)?></th>", r"<td\1></td>", formulas.drawn(html))


def on_post_page(output, page, config):
    """Let the switch of languages lead to the same page, where it has a translation."""
    output = output.replace(_DIALOG, f'{_DIALOG} aria-label="{SEARCH[config.theme["language"]]}"')
    root = "../" * page.url.rstrip("./").count("/") + ("../" if page.url.strip("./") else "")
    here = page.url.removeprefix("./")
    if config.theme["language"] == "zh":
        return _with_languages(output, en=f"{root}../{here}", zh=root + here)
    is_translated = (ORIGINALS / "zh" / page.file.src_uri).exists()
    return _with_languages(output, en=root + here, zh=f"{root}zh/{here if is_translated else ''}")


def on_post_template(output_content, template_name, config):
    return _with_languages(output_content, en="/", zh="/zh/")


def _with_languages(page: str, **links: str) -> str:
    """A page of HTML with the links of the switch of languages, which mkdocs.yml writes as #en and #zh."""
    for language, link in links.items():
        page = page.replace(f'href="#{language}"', f'href="{link or "./"}"')
    return page


def _notebook_of(uri: str) -> str:
    return uri.removesuffix(".md") + ".ipynb"


def _within_site(markdown: str, uri: str) -> str:
    """Links between files of the repository as links between pages of the site."""
    pages = {path: site_uri for site_uri, path in ELSEWHERE.items()}
    folder = os.path.dirname(ELSEWHERE.get(uri, f"docs/{uri}"))

    def link(match: re.Match) -> str:
        path = os.path.normpath(os.path.join(folder, match[1]))
        target = pages.get(path, path.removeprefix("docs/") if uri in ELSEWHERE else None)
        return f"]({os.path.relpath(target, os.path.dirname(uri) or '.')}{match[2] or ''})" if target else match[0]

    return _LINK.sub(link, markdown)


def _run(uri: str) -> list[Path]:
    """The pictures of a page, whose code runs if it has changed since the last build."""
    page, folder = ORIGINALS / uri, RUNS / uri.removesuffix(".md")
    code = "".join(block.code for block in blocks.blocks(page.read_text(encoding="utf-8")))
    mark, state = folder / "state", hashlib.sha256(code.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != state:
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, str(Path(blocks.__file__)), str(page), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        if done.returncode:
            raise PluginError(f"the code of {uri} fails:\n{done.stderr}")
        mark.write_text(state)
    return sorted(path for path in folder.iterdir() if path.suffix in PICTURES)
