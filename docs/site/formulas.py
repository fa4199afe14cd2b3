"""Formulas as MathML, which browsers draw without a script or a font from elsewhere."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def drawn(page: str) -> str:
    """A page of HTML with the formulas that pymdownx.arithmatex marks as MathML."""
    page = _INLINE.sub(lambda match: convert(html.unescape(match[1])), page)
    return _BLOCK.sub(lambda match: _in_scrolled_box(convert(html.unescape(match[1]).strip(), display="block")), page)


def _in_scrolled_box(formula: str) -> str:
    """On a narrow screen a long formula is scrolled, by the keyboard too."""
    return f'<div class="formula" tabindex="0">{formula}</div>'
