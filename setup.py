"""Build of the C core (every file of csrc/kernels/isa with its own flags) and of what TensorFlow and JAX load."""

import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sysconfig import get_config_var, get_platform

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).parent
# -g0: the -g of Python's own flags doubles the time and memory of the largest files.
C_FLAGS = [
    "-std=gnu11",
    "-O3",
    "-g0",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
]
CLANG_CL = ["clang-cl", "--target=" + ("aarch64" if get_platform() == "win-arm64" else "x86_64") + "-pc-windows-msvc"]
LIBRARIES, LINK_FLAGS = ["m", "dl"], ["-lpthread", "-Wl,-s"]
COMPILER_BYTES = 450 << 20  # of the largest file
OPENMP = [] if os.environ.get("FASTCONV_NO_OPENMP") or sys.platform in ("darwin", "win32") else ["-fopenmp"]
if sys.platform == "darwin":
    LIBRARIES, LINK_FLAGS = [], ["-Wl,-x"]
elif sys.platform == "win32":
    C_FLAGS = [CLANG_CL[1], *("/clang:" + flag for flag in C_FLAGS if flag not in ("-g0", "-fvisibility=hidden"))]
    LIBRARIES, LINK_FLAGS = [], []
# One module for every Python from 3.11 on; small calls take longer, so that it is for wheels alone.
ABI3 = bool(os.environ.get("FASTCONV_ABI3")) and not get_config_var("Py_GIL_DISABLED")


# What the preprocessor says that the compiler builds for, which need not be what this script runs on.
MACHINE = """
#if defined(__x86_64__)
machine: x86_64
#elif defined(__aarch64__)
machine: aarch64
#else
machine: other
#endif
"""


def preprocess(command, flags, source=""):
    """The compiler's preprocessor, run with these flags."""
    try:
        return subprocess.run(
            [*command, *flags, "-E", "-x", "c", "-"], input=source, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise CompileError(f"no C compiler: there is no `{command[0]}`. CC=... chooses another.") from None


def accepts(command, flags):
    return preprocess(command, flags).returncode == 0


def check_compiler(command):
    """Say in one sentence why the compiler cannot build fastconv."""
    if os.environ.get("ARCHFLAGS", "").count("-arch") > 1:
        raise CompileError("build for one -arch of ARCHFLAGS at a time, and join the wheels by delocate-merge")
    source = (ROOT / "csrc/core/compiler.c").read_text()
    done = preprocess(command, [*C_FLAGS, *("-I" + str(ROOT / folder) for folder in ("csrc", "csrc/include"))], source)
    if done.returncode:
        too_old = re.search(r'^#error "(.*)"$', source, flags=re.MULTILINE)[1]
        said = too_old if too_old in done.stderr else done.stderr.strip()
        raise CompileError(f"{said}; the compiler is `{shlex.join(command)}`, and CC=... chooses another")


def isa_flags(command):
    """(word, flags) of the machine's rows in csrc/kernels/isa/flags.txt, and the words that the compiler lacks."""
    machine = re.search(r"^machine: (\w+)", preprocess(command, [], MACHINE).stdout, flags=re.MULTILINE)[1]
    lines = (ROOT / "csrc/kernels/isa/flags.txt").read_text().splitlines()
    rows = [
        (word, flags)
        for word, wanted, *flags in (line.split() for line in lines if line[:1] not in "#")
        if wanted in ("any", machine)
    ]
    known = [row for row in rows if accepts(command, row[1])]
    return known, [word for word, _ in rows if word not in dict(known)]


def numbers(path):
    """The numbers in a file of /sys/fs/cgroup or /proc, none where it is missing; "max" is no number."""
    try:
        return [int(word) for word in Path(path).read_text().split() if word.lstrip("-").isdecimal()]
    except OSError:
        return []


def cpus():
    """CPUs this process may use: affinity, and the quota of its control group (version 2, then version 1)."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    version_1 = [n for name in ("quota", "period") for n in numbers(f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us")]
    for quota, period in (limit for limit in (numbers("/sys/fs/cgroup/cpu.max"), version_1) if len(limit) == 2):
        count = min(count, -(-quota // period)) if quota > 0 else count
    return count


def memory():
    """Bytes that compilers may fill together: what is available, and the limit of the control group."""
    limits = numbers("/sys/fs/cgroup/memory.max") + numbers("/sys/fs/cgroup/memory/memory.limit_in_bytes")
    available = numbers("/proc/meminfo")[2:3]  # MemTotal, MemFree, MemAvailable, in KiB
    return min(limits + [kib * 1024 for kib in available], default=COMPILER_BYTES * 4)


def jobs_at_once():
    return max(1, min(cpus(), memory() // COMPILER_BYTES))


def sources(*folders):
    """Every C file under these folders of csrc."""
    return sorted(str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / "csrc" / folder).rglob("*.c"))


class BuildExt(build_ext):
    """Compiles the files of an extension side by side, each with the flags its folder asks for."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            self.compiler.initialize()
            self.compiler.cc = CLANG_CL[0]
        command = getattr(self.compiler, "compiler_so", CLANG_CL)
        check_compiler(command)
        self.isas, self.left_out = isa_flags(command)
        # Clang may come without OpenMP's header and library; the core's threads are its own.
        self.openmp = OPENMP if accepts(command, [*OPENMP, "-include", "omp.h"]) else []
        super().build_extensions()

    def build_extension(self, ext):
        jobs = [(source, []) for source in ext.sources if source.endswith(".c")]
        if ext.name == "fastconv._core":  # first, as they take longest
            jobs = [(f"csrc/kernels/isa/{word}.c", flags) for word, flags in self.isas] + jobs
        include = ["csrc", "csrc/include", *self.compiler.include_dirs]
        macros = [*ext.define_macros, *((f"FC_WITHOUT_{word.upper()}", None) for word in self.left_out)]

        def compile_one(job):
            source, flags = job
            return self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                include_dirs=include,
                macros=macros,
                extra_postargs=C_FLAGS + self.openmp + flags,
                depends=ext.depends,
            )

        with ThreadPoolExecutor(jobs_at_once()) as pool:
            objects = [o for group in pool.map(compile_one, jobs) for o in group]
        self.compiler.link_shared_object(
            objects,
            self.get_ext_fullpath(ext.name),
            libraries=[*LIBRARIES, *ext.libraries],
            extra_postargs=[*self.openmp, *LINK_FLAGS],
            target_lang="c",
        )


headers = [str(p) for pattern in ("**/*.h", "**/*.inc", "**/*.txt") for p in (ROOT / "csrc").glob(pattern)]
abi3 = {"py_limited_api": True} if ABI3 else {}
core = Extension(
    "fastconv._core",
    ["fastconv/_core.pyx", *sources("core", "ops")],
    depends=headers,
    include_dirs=["csrc/include"],
    define_macros=[("Py_LIMITED_API", "0x030B0000")] if ABI3 else [],
    **abi3,
)
extensions = [*cythonize([core], build_dir="build/cython", language_level=3)]
extensions.append(Extension("fastconv.jax._ffi", sources("jax"), depends=headers, **abi3))
if sys.platform != "win32":  # its TensorFlow exports no C API
    extensions.append(Extension("fastconv.tensorflow._ops", sources("tensorflow"), depends=headers, **abi3))

setup(
    ext_modules=extensions,
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
