"""Functions that the source does not write out, as those of activations, for mkdocstrings."""

from __future__ import annotations

import importlib

import griffe

PACKAGES = ("fastconv.nn", "fastconv.image")


class MadeFunctions(griffe.Extension):
    """Add what has a docstring when it is imported and none in the source."""

    def on_package(self, *, pkg: griffe.Module, loader, **kwargs) -> None:
        for package in PACKAGES:
            for module in pkg[package.partition(".")[2]].modules.values():
                names = getattr(importlib.import_module(module.path), "__all__", ())
                missing = [name for name in names if name not in module.members or not module[name].docstring]
                if not missing:
                    continue
                found = griffe.inspect(module.name, filepath=module.filepath, parent=module.parent)
                for name in missing:
                    module.set_member(name, found[name])
