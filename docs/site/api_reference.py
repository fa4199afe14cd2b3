"""Pages of the reference, made from the package: names, commands, layers, operators, the C library."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
from pathlib import Path

import c_reference

ROOT = Path(__file__).resolve().parents[2]
# What each page is about; the first line of the module's docstring follows.
MODULES = (
    "fastconv",
    "fastconv.image",
    "fastconv.nn",
    "fastconv.planning",
    "fastconv.cpu",
    "fastconv.network",
    "fastconv.vision",
    "fastconv.serve",
    "fastconv.drop_in",
    "fastconv.dask",
    "fastconv.keras",
    "fastconv.tensorflow",
    "fastconv.torch",
    "fastconv.jax",
    "fastconv.jax.lax",
)
_OPTIONS = """    options:
      heading: {heading}
      toc_label: {label}
"""


def pages() -> dict[str, str]:
    """Path in the site's sources -> Markdown."""
    made = {f"reference/{name}.md": _module(name) for name in MODULES}
    return made | {
        "reference/command-line.md": _commands(),
        "reference/layers.md": _layers(),
        "reference/operators.md": _operators(),
        "reference/c.md": c_reference.page(),
    }


def names(module: str) -> dict[str, str]:
    """Public name -> where it is defined; read from the source, so that no framework is loaded."""
    if module == "fastconv":
        return {name: f"fastconv.config.{name}" for name in _listed("fastconv.config")}
    folder = ROOT / module.replace(".", "/")
    if module in ("fastconv.nn", "fastconv.image", "fastconv.keras"):
        files = sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
        imported = set(re.findall(r"\b\w+\b", (folder / "__init__.py").read_text(encoding="utf-8")))
        listed = {path.stem: _listed(f"{module}.{path.stem}") for path in files if path.stem in imported}
        return dict(sorted((name, f"{module}.{stem}.{name}") for stem, found in listed.items() for name in found))
    modules = {path.stem for path in folder.glob("*.py")} | {path.name for path in folder.glob("*") if path.is_dir()}
    return {name: f"{module}.{name}" for name in _listed(module) if name not in modules}


def _listed(module: str) -> list[str]:
    """The strings of a module's `__all__`; of fastconv.config, its functions."""
    path = ROOT / f"{module.replace('.', '/')}.py"
    path = path if path.exists() else ROOT / module.replace(".", "/") / "__init__.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return [item.value for item in ast.walk(node.value) if isinstance(item, ast.Constant)]
    defined = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in tree.body if isinstance(node, defined) and not node.name.startswith("_")]


def _module(module: str) -> str:
    lines = [f"# {module}", "", f"::: {module}", "    options:", "      show_root_heading: false",
             "      show_root_toc_entry: false", "      members: false", ""]  # fmt: skip
    for name, path in names(module).items():
        shown = f"fastconv.{name}" if module in ("fastconv.nn", "fastconv.image", "fastconv.planning") else None
        lines += [f"::: {path}", _OPTIONS.format(heading=shown or f"{module}.{name}", label=name)]
    return "\n".join(lines)


def _commands() -> str:
    from fastconv import __main__, cli

    lines = ["# The command line", "", "Made from the `--help` of each command.", ""]
    lines += ["## python -m fastconv", "", "```", __main__._parser().format_help().strip(), "```", ""]
    for name, text in cli.COMMANDS.items():
        command = importlib.import_module(f"fastconv.cli.{name}")
        parser = argparse.ArgumentParser(
            prog=f"python -m fastconv {name}",
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(parser)
        lines += [f"## {name}", "", f"{text[0].upper()}{text[1:]}.", "", "```", parser.format_help().strip(), "```", ""]
    return "\n".join(lines)


def _layers() -> str:
    from fastconv.network.keras.layer import LAYERS, OPERATIONS

    importlib.import_module("fastconv.network.keras.model")
    return _names_by_file(
        "Layers of Keras",
        f"`fastconv.load` and `fastconv.from_keras` read {len(LAYERS)} layers of Keras and {len(OPERATIONS)} functions "
        "of `keras.ops`. A network with another one is refused by an `UnsupportedError`, which names each.",
        {"layers": LAYERS, "functions of keras.ops": OPERATIONS},
    )


def _operators() -> str:
    from fastconv.network.onnx.mapping import MAPPING

    functions = {name: mapping.function for name, mapping in MAPPING.items()}
    return _names_by_file(
        "Operators of ONNX",
        f"`fastconv.load` and `fastconv.from_onnx` read {len(functions)} operators of ONNX, of the operator sets 6 to "
        "28. A model with another one is refused by an `UnsupportedError`, which names each.",
        {"operators": functions},
    )


def _names_by_file(title: str, text: str, tables: dict[str, dict]) -> str:
    """A list of names for each file of functions that read them."""
    lines = [f"# {title}", "", text, ""]
    for heading, table in tables.items():
        lines += [f"## {heading[0].upper()}{heading[1:]}", "", "| group | names |", "| --- | --- |"]
        groups: dict[str, list[str]] = {}
        for name, function in sorted(table.items()):
            groups.setdefault(function.__module__.rpartition(".")[2].replace("_", " "), []).append(f"`{name}`")
        lines += [f"| {group} | {', '.join(found)} |" for group, found in sorted(groups.items())] + [""]
    return "\n".join(lines)
