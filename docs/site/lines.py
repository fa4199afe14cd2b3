"""Lines of Chinese pages. HTML shows the end of a line as a space, which Chinese has not between its words."""

from __future__ import annotations

import re

_CHINESE = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
_CODE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_BREAK = re.compile(rf"^((?!#).*{_CHINESE})\n(?={_CHINESE})", re.MULTILINE)


def joined(page: str) -> str:
    """The page with lines joined that end and begin with Chinese, outside of code and headings."""
    parts = _CODE.split(page)
    parts[::2] = [_BREAK.sub(r"\1", part) for part in parts[::2]]
    return "".join(parts)
