"""Plans that show themselves in a notebook."""

from __future__ import annotations

from typing import Any

__all__ = ["PlanTable"]


class PlanTable(dict[str, Any]):
    """A dict that a notebook shows as a table.

    Examples
    --------
    >>> PlanTable(algorithm="direct", threads=2)._repr_html_()
    '<table><tr><th>algorithm</th><td>direct</td></tr><tr><th>threads</th><td>2</td></tr></table>'
    """

    def _repr_html_(self) -> str:
        import html

        rows = (f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in self.items())
        return f"<table>{''.join(rows)}</table>"
