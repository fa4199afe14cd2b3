"""Diagrams of boxes in rows, written as text: blocks of ``diagram`` become HTML that follows the theme and the screen.

A line is a row, from top to bottom, ``|`` separates the boxes of a row, and what follows ``: `` explains a box.
"""

from __future__ import annotations

import html
import re

_BLOCK = re.compile(r"^```diagram\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def drawn(page: str) -> str:
    """The page with its diagrams as HTML."""
    return _BLOCK.sub(lambda match: _diagram(match[1].strip().splitlines()), page)


def _diagram(lines: list[str]) -> str:
    rows = "".join(f"<li>{''.join(map(_box, line.split(' | ')))}</li>" for line in lines)
    return f'<ol class="diagram">{rows}</ol>'


def _box(text: str) -> str:
    name, _, more = (html.escape(part.strip()) for part in text.partition(": "))
    return f"<div><b>{name}</b>{f'<span>{more}</span>' if more else ''}</div>"
