"""The links of a built site: ``python docs/site/links.py build/site`` finds those that lead nowhere, or outside.

Every `href` and `src` of every page must lead to a file of the site and to an anchor that the file has. Nothing that a
browser loads by itself (scripts, styles, pictures, fonts) may come from another host.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
_UNLOADED = {"canonical", "alternate", "next", "prev"}  # rel of `link`s that browsers do not load
_STYLE_URL = re.compile(r"url\(\s*['\"]?(https?:)?//|@import\s+['\"](https?:)?//")


class _Page(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        for name in ("href", "src"):
            if given.get(name):
                self.links.append(given[name])
        loads = _LOADED.get(tag)
        if loads and given.get(loads) and not _UNLOADED & set((given.get("rel") or "").split()):
            self.loaded.append(given[loads])


def check(site: Path) -> tuple[int, list[str]]:
    """(links looked at, a line for each that is wrong)."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    count, wrong = 0, []
    for path, page in pages.items():
        name = path.relative_to(site)
        wrong += [f"{name}: loads {link} from another host" for link in page.loaded if urlsplit(link).netloc]
        if name.name == "404.html":  # shown at any depth: its links are absolute
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                wrong.append(f"{name}: {link} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{name}: {link} names no anchor of its page")
    for style in site.rglob("*.css"):
        if _STYLE_URL.search(style.read_text(encoding="utf-8")):
            wrong.append(f"{style.relative_to(site)}: loads from another host")
    return count, wrong


def main(site: str) -> int:
    count, wrong = check(Path(site).resolve())
    print("\n".join([*wrong, f"{count} links, {len(wrong)} wrong"]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
