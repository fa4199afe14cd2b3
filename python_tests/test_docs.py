"""The examples of docstrings and of README.md run as they stand."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastconv

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(fastconv.__file__).parent
MISSING = [name for name in ("dask", "jax", "torch") if find_spec(name) is None]
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.name not in ("__main__.py", "hook-fastconv.py") and path.relative_to(PACKAGE).parts[0] not in MISSING
)
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_every_public_function_has_a_docstring():
    assert [name for name in fastconv.__all__ if not (getattr(fastconv, name).__doc__ or "").strip()] == []


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_readme(block, tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
