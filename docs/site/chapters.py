"""Chapters of docs/design.md as pages of the site."""

from __future__ import annotations

import re
from pathlib import Path

DESIGN = Path(__file__).resolve().parents[1] / "design.md"
# Page -> its title, and the headings of what it holds; all headings of the file are in one of them.
PAGES = {
    "inside/layers.md": ("Layers of the code", ("Layers",)),
    "inside/instruction-sets.md": ("Instruction sets", ("Instruction sets",)),
    "inside/threads.md": ("Threads", ("Threads",)),
    "inside/filters.md": ("Image filters", ("Image filters",)),
    "inside/convolution.md": ("Convolution and its gradients", ("conv2d",)),
    "inside/pooling-activations.md": ("Pooling and activations", ("Pooling and activations",)),
    "inside/dense.md": ("Dense layers", ("Dense",)),
    "inside/frameworks.md": ("Frameworks", ("TensorFlow", "Keras", "JAX on several devices", "PyTorch")),
    "inside/traps.md": ("Traps", ("Traps",)),
}
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def pages() -> dict[str, str]:
    """Path in the site's sources -> Markdown."""
    chapters = headings(DESIGN.read_text(encoding="utf-8"))
    made = {}
    for uri, (title, names) in PAGES.items():
        if len(names) == 1:
            body = re.sub(r"^#(##+ )", r"\1", chapters[names[0]], flags=re.MULTILINE)
        else:
            body = "\n".join(f"## {name}\n{chapters[name]}" for name in names)
        # Links lead from docs, where the file lies.
        made[uri] = f"# {title}\n" + re.sub(r"\]\((?!\w+:|#)", "](../", body)
    return made


def headings(text: str) -> dict[str, str]:
    """Heading -> what stands below it."""
    parts = _HEADING.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
