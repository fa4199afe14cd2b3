"""Where PyInstaller finds fastconv's hook; the entry point of group ``pyinstaller40``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_dirs"]


def hook_dirs() -> list[str]:
    """Folders with hooks."""
    return [str(Path(__file__).parent)]
