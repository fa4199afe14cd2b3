"""What is installed: where it is imported from, what it imports, what it exports, what it says at import."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastconv
from fastconv import _core, cpu

HEAVY = {
    "tensorflow",
    "keras",
    "scipy",
    "cv2",
    "dask",
    "torch",
    "jax",
    "matplotlib",
    "PIL",
    "rich",
    "ml_dtypes",
    "threadpoolctl",
}
FOLDER = Path(fastconv.__file__).parent


def python(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run code in a new process, from a folder without any fastconv in it."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


def modules_after(code: str, folder: Path) -> set[str]:
    process = python(f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))", folder)
    assert process.returncode == 0, process.stderr
    return set(json.loads(process.stdout))


def test_the_installed_package_is_the_one_tested():
    installed = Path(importlib.metadata.distribution("fastconv").locate_file("fastconv"))
    assert FOLDER.resolve() == installed.resolve()
    assert Path(_core.__file__).parent == FOLDER


def test_version_is_the_metadata_s():
    assert fastconv.__version__ == importlib.metadata.version("fastconv")


def test_version_is_the_header_s():
    header = (Path(fastconv.get_include()) / "fastconv.h").read_text()
    numbers = [re.search(rf"#define FASTCONV_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert ".".join(numbers) == fastconv.__version__
    assert f'#define FASTCONV_VERSION "{fastconv.__version__}"' in header


def test_import_brings_in_numpy_and_nothing_heavier(tmp_path):
    extra = modules_after("import fastconv", tmp_path) - modules_after("import numpy", tmp_path)
    roots = {name.partition(".")[0] for name in extra}
    own = {"fastconv", "cython_runtime"} | {name for name in roots if name.startswith("_cython_")}
    assert not roots & HEAVY
    assert roots - own <= sys.stdlib_module_names


def test_all_public_names_exist():
    assert sorted(fastconv.__all__) == sorted(set(fastconv.__all__))
    assert [name for name in fastconv.__all__ if not hasattr(fastconv, name)] == []


def test_installed_files():
    files = {str(file) for file in importlib.metadata.files("fastconv")}
    names = {Path(file).name for file in files}
    assert {"py.typed", "LICENSE", "METADATA", Path(_core.__file__).name} <= names
    assert any(re.fullmatch(r"fastconv/tensorflow/_ops\..*", file) for file in files)
    assert {Path(file).parts[0] for file in files} <= {"fastconv", f"fastconv-{fastconv.__version__}.dist-info"}
    assert not any(file.endswith((".c", ".pyx", ".o")) for file in files)
    headers = {Path(file).name for file in files if file.endswith(".h")}
    assert headers == {path.name for path in Path(fastconv.get_include()).glob("*.h")} >= {"fastconv.h"}


def test_pyinstaller_s_hook_lies_where_the_entry_point_says():
    (entry,) = importlib.metadata.distribution("fastconv").entry_points.select(group="pyinstaller40")
    folders = entry.load()()
    assert [file.name for folder in folders for file in Path(folder).glob("hook-*.py")] == ["hook-fastconv.py"]


@pytest.mark.parametrize(("library", "exported"), [("_core", r"PyInit__core"), ("tensorflow/_ops", r"fastconv_tf_\w+")])
def test_libraries_export_only_their_entry(library, exported):
    (path,) = FOLDER.glob(f"{library}.*.so")
    command = [shutil.which("nm") or "nm", "-D", "--defined-only", "--format=posix", str(path)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[0] for line in listing.splitlines()}
    assert symbols
    assert [symbol for symbol in symbols if not re.fullmatch(exported, symbol)] == []


def test_op_library_holds_no_kernels():
    (core,) = FOLDER.glob("_core.*.so")
    (ops,) = FOLDER.glob("tensorflow/_ops.*.so")
    assert ops.stat().st_size < core.stat().st_size / 4


def test_isa_of_the_environment_is_used(tmp_path):
    for isa in cpu.available_isas():
        process = python("import fastconv.cpu; print(fastconv.cpu.active_isa())", tmp_path, FASTCONV_ISA=isa)
        assert process.stdout.strip() == isa, process.stderr


def test_empty_isa_means_the_best(tmp_path):
    process = python("import fastconv.cpu; print(fastconv.cpu.active_isa())", tmp_path, FASTCONV_ISA="")
    assert process.stdout.strip() == cpu.available_isas()[-1], process.stderr


@pytest.mark.parametrize("word", ["sse9", "AVX2", "amx"])
def test_isa_that_cannot_be_had_is_a_clear_error_at_import(word, tmp_path):
    process = python("import fastconv", tmp_path, FASTCONV_ISA=word)
    last = process.stderr.strip().splitlines()[-1]
    assert process.returncode == 1
    assert last.startswith("ValueError: FASTCONV_ISA must be one of ['scalar', ")
    assert f"received {word!r}" in last


def test_use_isa_refuses_unknown_words_and_comes_back():
    before = cpu.active_isa()
    with pytest.raises(ValueError, match=r"`name` must be one of .*; received 'sse9'"), cpu.use_isa("sse9"):
        pass
    with cpu.use_isa("scalar"):
        assert cpu.active_isa() == "scalar"
    assert cpu.active_isa() == before


def test_show_config(capsys):
    config = fastconv.show_config()
    assert list(config) == [
        "version",
        "isa",
        "isas_available",
        "isas_compiled",
        "isas_left_out",
        "compiler",
        "openmp",
        "threads",
        "float32_precision",
        "planning",
        "costs_fitted_on",
    ]
    printed = capsys.readouterr().out
    assert config["version"] == fastconv.__version__
    assert config["isa"] in config["isas_available"]
    assert set(config["isas_available"]) <= set(config["isas_compiled"])
    assert config["threads"] == fastconv.get_num_threads()
    for key, value in config.items():
        assert key in printed
        assert str(value) in printed or isinstance(value, list)


def test_float32_precision_is_a_setting():
    assert fastconv.get_float32_precision() == "highest"
    try:
        for word in ("medium", "high", "highest"):
            fastconv.set_float32_precision(word)
            assert fastconv.get_float32_precision() == word
    finally:
        fastconv.set_float32_precision("highest")
    with pytest.raises(ValueError, match=r"`precision` must be .*'highest'.*received 'low'"):
        fastconv.set_float32_precision("low")
