"""What a checker of types says of calls that are right and of calls that are wrong, and whether stubs are true."""

import ast
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastconv
from fastconv.nn.activations import ACTIVATIONS

CALLS = Path(__file__).parent / "typing"
SOURCE = Path(__file__).parents[1]
FOLDER = Path(fastconv.__file__).parents[1]
# What modules of the package import that have types of their own.
TYPED = (
    "dask",
    "jax",
    "keras",
    "matplotlib",
    "orjson",
    "PIL",
    "prometheus_client",
    "rich",
    "tensorflow",
    "torch",
    "uvicorn",
)
EMPTY = inspect.Parameter.empty


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mypy")
    environment = os.environ | {"MYPY_CACHE_DIR": str(folder)}
    if FOLDER.name != "site-packages":  # where the checker looks anyway, and says so of its own dependencies
        environment["MYPYPATH"] = environment["PYTHONPATH"] = str(FOLDER)

    def of(*command: str) -> list[str]:
        """The lines that a module of mypy prints."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            timeout=240,
            check=False,
        )
        return (done.stdout + done.stderr).splitlines()

    return of


def skip_without(*names: str) -> None:
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)}: not installed")


def wrong_lines() -> set[int]:
    lines = (CALLS / "wrong.py").read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


def test_right_calls_pass_and_wrong_ones_are_all_reported(run):
    said = run("mypy", "--strict", str(CALLS / "right.py"))
    assert said[-1].startswith("Success"), said
    said = "\n".join(run("mypy", "--strict", str(CALLS / "wrong.py")))
    assert {int(number) for number in re.findall(r"wrong\.py:(\d+): error", said)} == wrong_lines()


def test_pyright_reports_the_wrong_calls_and_nothing_in_the_package():
    skip_without("basedpyright", *TYPED)
    options = "--pythonpath", sys.executable, "--level", "error", "--outputjson"
    command = [sys.executable, "-m", "basedpyright", *options, "fastconv", str(CALLS)]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, timeout=900, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] > 300, done.stderr
    found = [
        (Path(e["file"]).name, e["range"]["start"]["line"] + 1, e["message"]) for e in report["generalDiagnostics"]
    ]
    assert [error for error in found if error[0] != "wrong.py"] == []
    assert {line for _, line, _ in found} == wrong_lines()


def test_the_package_is_annotated(tmp_path):
    skip_without(*TYPED)
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, timeout=900, check=False)
    assert done.stdout.startswith("Success"), done.stdout + done.stderr


def test_the_stub_of_the_core_is_true(run, tmp_path):
    config, allowed = tmp_path / "mypy.ini", tmp_path / "allowed"
    config.write_text("[mypy]\n[mypy-fastconv.*]\nignore_errors = True\n")
    # What Cython adds of its own.
    allowed.write_text("fastconv._core(\\.\\w+)?\\.__(reduce|setstate)_cython__\nfastconv._core.__test__\n")
    options = "--concise", "--mypy-config-file", str(config), "--allowlist", str(allowed), "--ignore-unused-allowlist"
    assert run("mypy.stubtest", *options, "fastconv._core") == []


def parameters(signature: ast.FunctionDef) -> list[tuple[str, str, object]]:
    """Name, kind and default of each parameter of a stub's function."""
    a = signature.args
    places = [(arg.arg, "POSITIONAL_OR_KEYWORD") for arg in a.args]
    values = [EMPTY] * (len(a.args) - len(a.defaults)) + [ast.literal_eval(value) for value in a.defaults]
    words = [(arg.arg, "KEYWORD_ONLY") for arg in a.kwonlyargs]
    values += [EMPTY if value is None else ast.literal_eval(value) for value in a.kw_defaults]
    return [(name, kind, value) for (name, kind), value in zip(places + words, values, strict=True)]


@pytest.mark.parametrize("package", ["nn", "image"])
def test_stubs_say_what_the_functions_are(package):
    module = importlib.import_module(f"fastconv.{package}")
    stub = ast.parse(Path(module.__file__).with_suffix(".pyi").read_text())
    defined = [node for node in stub.body if isinstance(node, ast.FunctionDef)]
    for node in defined:
        signature = inspect.signature(getattr(module, node.name)).parameters.values()
        assert parameters(node) == [(p.name, p.kind.name, p.default) for p in signature], node.name
    classes = {node.name for node in stub.body if isinstance(node, ast.ClassDef)}
    assert {node.name for node in defined} | classes >= set(module.__all__)


def test_stubs_name_every_activation():
    stub = ast.parse(Path(fastconv.nn.__file__).with_suffix(".pyi").read_text())
    (words,) = (
        node.value.slice for node in stub.body if isinstance(node, ast.AnnAssign) and node.target.id == "_Activation"
    )
    assert set(ast.literal_eval(words)) == {name for name in ACTIVATIONS if name}


@pytest.mark.parametrize("package", ["fastconv", "fastconv.nn", "fastconv.image"])
def test_stubs_name_what_is_exported(package):
    module = importlib.import_module(package)
    stub = ast.parse(Path(module.__file__).with_suffix(".pyi").read_text())
    (names,) = (node.value for node in stub.body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__")
    assert ast.literal_eval(names) == sorted(module.__all__)


def test_the_stub_of_the_package_has_every_name_that_it_exports():
    stub = ast.parse(Path(fastconv.__file__).with_suffix(".pyi").read_text())
    has = {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            names = [alias.asname or alias.name for alias in node.names]
            has.update(importlib.import_module(f"fastconv.{node.module}").__all__ if names == ["*"] else names)
    assert set(fastconv.__all__) <= has
