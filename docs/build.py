"""Build the site in both languages into build/site, and check its links: ``python docs/build.py``.

It needs the extra `docs` and fastconv itself. `--serve` shows the English site while one writes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The theme's note on versions of MkDocs to come.
ENVIRONMENT = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}


def main(arguments: list[str]) -> int:
    mkdocs = [sys.executable, "-m", "mkdocs"]
    if arguments == ["--serve"]:
        return subprocess.call([*mkdocs, "serve"], cwd=ROOT, env=ENVIRONMENT)
    for config in ("mkdocs.yml", "docs/mkdocs.zh.yml"):
        if code := subprocess.call([*mkdocs, "build", "--strict", "--quiet", "-f", config], cwd=ROOT, env=ENVIRONMENT):
            return code
    return subprocess.call([sys.executable, ROOT / "docs/site/links.py", ROOT / "build/site"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
