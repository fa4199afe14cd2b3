"""Build of the C core (every file of csrc/kernels/isa with its own flags) and of what TensorFlow and JAX load."""

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

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
COMPILER_BYTES = 450 << 20  # of the largest file
OPENMP = [] if os.environ.get("FASTCONV_NO_OPENMP") else ["-fopenmp"]


def isa_flags():
    """(word, flags) of every instruction set of this machine, from csrc/kernels/isa/flags.txt."""
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    lines = (ROOT / "csrc/kernels/isa/flags.txt").read_text().splitlines()
    rows = (line.split() for line in lines if line[:1] not in "#")
    return [(word, flags) for word, wanted, *flags in rows if wanted in ("any", machine)]


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

    def build_extension(self, ext):
        jobs = [(source, []) for source in ext.sources if source.endswith(".c")]
        if ext.name == "fastconv._core":  # first, as they take longest
            jobs = [(f"csrc/kernels/isa/{word}.c", flags) for word, flags in isa_flags()] + jobs
        include = ["csrc", "csrc/include", *self.compiler.include_dirs]

        def compile_one(job):
            source, flags = job
            return self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                include_dirs=include,
                extra_postargs=C_FLAGS + OPENMP + flags,
                depends=ext.depends,
            )

        with ThreadPoolExecutor(jobs_at_once()) as pool:
            objects = [o for group in pool.map(compile_one, jobs) for o in group]
        self.compiler.link_shared_object(
            objects,
            self.get_ext_fullpath(ext.name),
            libraries=["m", "dl", *ext.libraries],
            extra_postargs=[*OPENMP, "-lpthread"],
            target_lang="c",
        )


headers = [str(p) for pattern in ("**/*.h", "**/*.inc", "**/*.txt") for p in (ROOT / "csrc").glob(pattern)]
core = Extension(
    "fastconv._core", ["fastconv/_core.pyx", *sources("core", "ops")], depends=headers, include_dirs=["csrc/include"]
)
tensorflow_ops = Extension("fastconv.tensorflow._ops", sources("tensorflow"), depends=headers)
jax_handlers = Extension("fastconv.jax._ffi", sources("jax"), depends=headers)

setup(
    ext_modules=[*cythonize([core], build_dir="build/cython", language_level=3), tensorflow_ops, jax_handlers],
    cmdclass={"build_ext": BuildExt},
)
