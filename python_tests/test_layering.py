"""The direction of includes and imports, what each layer may use, and the size of files."""

import ast
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CSRC = ROOT / "csrc"
C_FILES = sorted(p for pattern in ("*.c", "*.h", "*.inc") for p in CSRC.rglob(pattern) if "build" not in p.parts)
PYTHON_FILES = sorted((ROOT / "fastconv").rglob("*.py"))

# A file of the room that the key names (the longest that its path starts with) may include what starts with one of the
# values. A value that is itself a room stands for the files of that room alone.
FORWARD = ("core/", "ops/conv2d/", "ops/conv2d/gather/", "ops/conv2d/gemm/", "ops/elementwise/")
MAY_INCLUDE = {
    "include/": ("fastconv",),
    "core/": ("fastconv.h", "fastconv_api.h", "fastconv_threads.h", "core/", "kernels/types.h", "kernels/isa.inc"),
    "ops/elementwise/": ("core/", "ops/elementwise/", "kernels/types.h", "kernels/activations.inc"),
    "ops/network/": ("fastconv.h", "core/"),
    "ops/normalization/": ("fastconv.h", "core/", "ops/normalization/", "kernels/types.h"),
    "ops/pool/": ("fastconv.h", "core/", "ops/pool/"),
    "ops/quantized/": ("fastconv_quantized.h", "core/"),
    "ops/filter/": ("fastconv.h", "core/", "ops/filter/"),
    "ops/conv2d/": (
        "core/",
        "fastconv_costs.h",
        "fastconv_plans.h",
        "fastconv_quantized.h",
        "fastconv_types.h",
        "kernels/isa.inc",
        "kernels/types.h",
        "ops/conv2d/",
        "ops/elementwise/",
    ),
    "ops/conv2d/costs/": ("ops/conv2d/",),
    "ops/conv2d/gather/": ("core/", "ops/conv2d/", "ops/conv2d/gather/"),
    "ops/conv2d/gemm/": (*FORWARD,),
    "ops/conv2d/forward/batch/": (*FORWARD, "ops/conv2d/forward/batch/"),
    "ops/conv2d/forward/bf16x3/": (*FORWARD, "ops/conv2d/forward/bf16x3/", "ops/conv2d/forward/packed/"),
    "ops/conv2d/forward/depthwise/": (*FORWARD, "ops/conv2d/forward/depthwise/"),
    "ops/conv2d/forward/direct/": (*FORWARD, "ops/conv2d/forward/direct/"),
    "ops/conv2d/forward/fused_pool/": (*FORWARD, "ops/conv2d/forward/direct/"),
    "ops/conv2d/forward/integer/": (*FORWARD, "ops/conv2d/forward/integer/"),
    "ops/conv2d/forward/packed/": (*FORWARD, "ops/conv2d/forward/packed/"),
    "ops/conv2d/forward/planar/": (*FORWARD, "ops/conv2d/forward/planar/"),
    "ops/conv2d/forward/winograd/": (*FORWARD, "ops/conv2d/forward/winograd/", "ops/conv2d/forward/packed/"),
    "ops/conv2d/grad/": (*FORWARD, "ops/conv2d/grad/", "ops/conv2d/forward/packed/", "ops/conv2d/forward/winograd/"),
    "ops/conv2d/plans/": ("core/", "ops/conv2d/", "ops/conv2d/grad/"),
    "ops/dense/": ("fastconv.h", *FORWARD, "ops/dense/", "ops/conv2d/grad/", "kernels/types.h"),
    "kernels/": (
        "fastconv_relu.h",
        "fastconv_types.h",
        "fastconv_update.h",
        "kernels/types.h",
        "kernels/filter_types.h",
        "kernels/fixed_types.h",
        "kernels/grad_types.h",
        "kernels/batch_types.h",
        "kernels/conv_pool_types.h",
        "kernels/igemm_types.h",
        "kernels/norm_types.h",
        "kernels/quantized_types.h",
        "kernels/gemv_types.h",
        "kernels/list.inc",
        "kernels/activations.inc",
    ),
    "kernels/vec/": ("kernels/vec/",),
    "kernels/body/": ("kernels/types.h", "kernels/list.inc", "kernels/activations.inc", "kernels/body/"),
    "kernels/isa/": ("kernels/vec/", "kernels/body/"),
    "kernels/ref/": (
        "fastconv_relu.h",
        "fastconv_types.h",
        "kernels/types.h",
        "kernels/activations.inc",
        "kernels/ref/",
    ),
    "check/": (
        "fastconv.h",
        "core/",
        "ops/filter/",
        "kernels/",
        "kernels/vec/",
        "kernels/body/",
        "kernels/ref/",
        "check/",
    ),
    "fuzz/": ("fastconv.h", "kernels/types.h", "kernels/isa.inc", "fuzz/"),
    "tensorflow/": ("fastconv_api.h", "tensorflow/"),
    "jax/": ("fastconv_api.h", "jax/"),
}

# A pattern and the only files that may hold it.
CONFINED = [
    (r"#\s*pragma\s+omp|omp\.h|\bomp_\w+\(", r"core/thread_count\.c"),
    (r"\b__linux__|\b__APPLE__|\b_WIN32|\bmadvise\(|\bsched_getaffinity\(", r"core/os\.h|core/os/\w+\.c"),
    (r"\bpthread_\w+|\bsysconf\(|\bsig\w+set\(|<windows\.h>", r"core/os\.h|core/os/\w+\.c|fuzz/.*"),
    (r"immintrin\.h|arm_neon\.h|\b_mm\d*_\w+\(", r"kernels/vec/.*"),
    (r"__(AVX|SSE|FMA|F16C|ARM_NEON)\w*", r"kernels/vec/.*"),
    (r"__x86_64__|__aarch64__", r"core/cpu\.c|kernels/isa\.inc|kernels/vec/.*|tensorflow/update\.c"),
    # Buffers come from scratch.c and results.c by way of core/os; the other two make one small handle each.
    (
        r"\b(malloc|calloc|realloc|posix_memalign|aligned_alloc|alloca)\s*\(",
        r"core/os/\w+\.c|ops/conv2d/prepared\.c|tensorflow/create\.c|(check|fuzz)/.*",
    ),
    (r"\b(printf|fprintf|puts|perror|exit|abort)\s*\(", r"(check|fuzz)/.*"),
    # Settings that a user makes: the instruction set, and OpenMP's for threads.
    (r"\bgetenv\s*\(", r"core/(dispatch|thread_count)\.c"),
    (r"Python\.h", r"-"),
]


def name(path: Path) -> str:
    return path.relative_to(CSRC).as_posix()


def code(path: Path) -> str:
    """The text of a C file without its comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)


def includes(path: Path) -> list[str]:
    """What a file includes of this project."""
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), flags=re.MULTILINE)


def imports(path: Path) -> set[str]:
    """Absolute names of all modules a Python file imports, inside functions too, but for what checkers of types see."""
    package = list(path.relative_to(ROOT).parent.parts)
    found = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def uses(module: str, found: set[str]) -> bool:
    return any(name == module or name.startswith(module + ".") for name in found)


def room(file: str) -> str:
    """The longest key of MAY_INCLUDE that a path starts with, or ""."""
    return max((key for key in MAY_INCLUDE if file.startswith(key)), key=len, default="")


@pytest.mark.parametrize("path", C_FILES, ids=name)
def test_includes_go_down_only(path):
    allowed = MAY_INCLUDE[room(name(path))]

    def is_allowed(target: str) -> bool:
        return room(target) in allowed or any(target.startswith(a) for a in allowed if a not in MAY_INCLUDE)

    wrong = [target for target in includes(path) if not is_allowed(target)]
    assert not wrong, f"{name(path)} includes {wrong}; files of {room(name(path))} may include {allowed}"


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The nodes that lie on a circle of a directed graph, or behind one."""
    left = {node: set(ends) for node, ends in edges.items()}
    while free := [node for node in left if not left[node] & left.keys()]:
        for node in free:
            del left[node]
    return sorted(left)


def test_no_circle_of_includes():
    files = {name(path).removeprefix("include/"): set(includes(path)) for path in C_FILES}
    rooms: dict[str, set[str]] = {}
    for file, targets in files.items():
        rooms.setdefault(room(file), set()).update({room(target) for target in targets} - {room(file), ""})
    assert circle(files) == []
    assert circle(rooms) == []


def test_every_header_compiles_alone():
    # Bodies are written in the words of an instruction set, and words ask for its flags: kernels/isa joins them.
    headers = [p for p in C_FILES if p.suffix == ".h" and room(name(p)) not in ("kernels/body/", "kernels/vec/")]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, "-std=gnu11", "-fsyntax-only", "-Wall", "-Werror", "-I.", "-Iinclude", "-xc"]
    done = subprocess.run([*command, *map(name, headers)], cwd=CSRC, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", C_FILES, ids=name)
def test_included_files_exist(path):
    for target in includes(path):
        assert (CSRC / target).is_file() or (CSRC / "include" / target).is_file(), f"{name(path)} includes {target}"


@pytest.mark.parametrize(("pattern", "allowed"), CONFINED)
def test_what_only_some_files_may_use(pattern, allowed):
    users = [name(path) for path in C_FILES if re.search(pattern, code(path))]
    assert [user for user in users if not re.fullmatch(allowed, user)] == []


def test_build_has_no_flags_of_one_machine_or_of_loose_arithmetic():
    unwanted = re.compile(r"-march=native|-mtune=native|-ffast-math|-Ofast|-funsafe")
    files = ("setup.py", "csrc/Makefile", "csrc/kernels/isa/flags.txt")
    assert [file for file in files if unwanted.search((ROOT / file).read_text())] == []


def test_every_isa_has_words_flags_and_an_instance():
    text = (CSRC / "kernels/isa.inc").read_text()
    words = re.findall(r"^FC_ISA\((\w+)", text, flags=re.MULTILINE)
    extensions = re.findall(r"^FC_ISA_EXTENSION\((\w+), (\w+)", text, flags=re.MULTILINE)
    flags = [line.split()[0] for line in (CSRC / "kernels/isa/flags.txt").read_text().splitlines() if line[:1] != "#"]
    assert {base for _, base in extensions} <= set(words)
    files = sorted({*words, *(word for word, _ in extensions)})
    assert files == sorted(flags) == sorted(p.stem for p in (CSRC / "kernels/isa").glob("*.c"))
    assert set(words) <= {p.stem for p in (CSRC / "kernels/vec").glob("*.h")}


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_python_imports_go_down_only(path):
    found, place = imports(path), path.relative_to(ROOT / "fastconv").as_posix()
    if place.startswith("keras/") or place in ("__main__.py", "__init__.py"):  # the latter when first asked for it
        return
    assert not uses("fastconv.keras", found) and not uses("keras", found)
    for framework in ("tensorflow", "torch", "jax"):
        if not place.startswith(f"{framework}/"):
            assert not uses(f"fastconv.{framework}", found) and not uses(framework, found)


# What puts networks to use, from top to bottom; a room imports only those below it, and the rest imports none.
USES = ("cli", "serve", "vision")


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_what_puts_networks_to_use_stands_above_them(path):
    room = path.relative_to(ROOT / "fastconv").parts[0]
    above = USES[: USES.index(room)] if room in USES else USES
    assert room == "__main__.py" or not [word for word in above if uses(f"fastconv.{word}", imports(path))]


# What the parts of fastconv.network may import of it: readers know formats, and nothing else does.
NETWORK_MAY_IMPORT = {
    "graph": (),
    "errors": (),
    "limits": (),
    "table": (),
    "arena": (),
    "operators": ("graph", "operators"),
    "passes": ("graph", "operators", "passes"),
    "branches": ("graph",),
    "plan": ("arena", "branches", "fusion", "graph", "limits", "operators", "programs"),
    "fusion": ("programs",),
    "programs": ("operators",),
    "fcn": ("branches", "errors", "fcn", "graph", "limits", "operators"),
    "memory": (),
    "progress": (),
    "inputs": ("graph",),
    "pictures": ("graph", "pictures"),
    "summary": ("graph", "table"),
    "profile": ("pictures", "plan", "table"),
    "variants": ("branches", "fcn", "graph"),
    "kernels": ("graph",),
    "plans": ("depth_first", "graph", "kernels", "limits", "memory", "passes", "plan"),
    "depth_first": ("plan", "programs"),
    "stages": ("graph", "limits", "operators", "plans"),
    "shown": ("graph", "inputs", "pictures", "plans", "profile", "summary", "table"),
    "training": ("arena", "graph", "inputs", "operators", "passes", "pictures", "progress", "table", "training"),
    "quantizable": ("graph", "limits", "quantizing"),
    "quantizing": ("graph", "inputs", "limits", "passes", "plans", "progress", "quantizing"),
    "net": (
        "fcn",
        "graph",
        "inputs",
        "limits",
        "plans",
        "progress",
        "quantizable",
        "shown",
        "stages",
        "training",
        "variants",
    ),
    "hdf5": ("errors", "hdf5"),
    "protobuf": ("errors",),
    "onnx": ("branches", "errors", "graph", "limits", "onnx", "protobuf"),
    "torch": ("errors", "graph", "torch"),
    "keras": ("errors", "graph", "hdf5", "keras", "limits"),
}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "fastconv/network").rglob("*.py")), ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_parts_of_networks_import_down_only(path):
    part = path.relative_to(ROOT / "fastconv/network").with_suffix("").parts[0]
    found = {name.split(".")[2] for name in imports(path) if name.startswith("fastconv.network.")}
    assert part not in NETWORK_MAY_IMPORT or found <= {*NETWORK_MAY_IMPORT[part]}
    assert not uses("pickle", imports(path)) and not uses("marshal", imports(path))


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_only_the_binding_and_its_callers_touch_c(path):
    found, place = imports(path), path.relative_to(ROOT / "fastconv").as_posix()
    assert not uses("cffi", found)
    # They introduce a framework's library to the core.
    assert not uses("ctypes", found) or place in ("tensorflow/_load.py", "jax/_load.py")
    assert not uses("fastconv._core", found) or not place.startswith("keras/")


def test_only_the_binding_names_the_c_header():
    users = [
        p.name
        for p in (ROOT / "fastconv").rglob("*.p*")
        if p.suffix in (".py", ".pyx", ".pxd") and re.search(r"extern from .*fastconv\.h", p.read_text())
    ]
    assert users == ["_core.pxd"]


def test_files_stay_small():
    limits = {".c": 450, ".h": 350, ".inc": 300, ".py": 370, ".pyx": 300}
    files = [
        *C_FILES,
        *PYTHON_FILES,
        *(ROOT / "fastconv").glob("*.pyx"),
        *(ROOT / "bench").glob("*.py"),
        *(ROOT / "examples").glob("*.py"),
        ROOT / "setup.py",
    ]
    sizes = {p: (len(p.read_text().splitlines()), limits[p.suffix]) for p in files}
    sizes |= {p: (len(p.read_text().splitlines()), 510) for p in (ROOT / "python_tests").glob("*.py")}
    assert {str(p.relative_to(ROOT)): size for p, (size, limit) in sizes.items() if size > limit} == {}


def test_c_files_name_their_licence():
    files = [p for p in C_FILES if p.suffix != ".inc"]
    assert [name(p) for p in files if "SPDX-License-Identifier: MIT" not in p.read_text()[:60]] == []
