"""Chinese pages and their English originals: ``python docs/site/translations.py`` writes down that each is up to date.

A Chinese page names the state of the original that it was made from, a part of its SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MARK = re.compile(r"^<!-- original: (\w*) -->$", re.MULTILINE)
# Folders of pages that have a Chinese page each.
TRANSLATED = ("docs/index.md", "docs/learn/*.md")


def pairs() -> list[tuple[Path, Path]]:
    """(original, translation) of every page that has, or must have, a Chinese one."""
    found = [(path, ROOT / "docs/zh" / path.relative_to(ROOT / "docs")) for g in TRANSLATED for path in ROOT.glob(g)]
    return [(ROOT / "README.md", ROOT / "README.zh.md"), *sorted(found)]


def state(original: Path) -> str:
    return hashlib.sha256(original.read_bytes()).hexdigest()[:12]


def marked(translation: Path) -> str | None:
    """The state of the original that the translation names; None where it names none."""
    match = _MARK.search(translation.read_text(encoding="utf-8"))
    return match[1] if match else None


def main() -> None:
    """Mark every translation with the state of its original."""
    for original, translation in pairs():
        text = translation.read_text(encoding="utf-8")
        mark = f"<!-- original: {state(original)} -->"
        text = _MARK.sub(mark, text) if _MARK.search(text) else f"{text.rstrip()}\n\n{mark}\n"
        translation.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
