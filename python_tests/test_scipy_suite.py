"""SciPy's own tests of its linear filters, as its wheel ships them, run on fastconv's functions."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

MODULES = (
    "scipy.ndimage.tests.test_filters",
    "scipy.signal.tests.test_signaltools",
    "scipy.signal.tests.test_fir_filter_design",
    "scipy.signal.tests.test_splines",
)
# The tests of what is replaced, without thousands of 1-D cases that go back to SciPy.
NAMES = ("onvolve", "correlate", "gaussian", "uniform", "sobel", "prewitt", "laplace", "multiple_modes", "sepfir")
TESTS = f"({' or '.join(NAMES)} or Testfirwin_2d) and not manylens and not OAConvolve"
# Of sizes over 2^31, in gigabytes that take 16 s to touch: no matter of the instruction set.
if "FASTCONV_ISA" in os.environ:
    TESTS = f"({TESTS}) and not test_large_array"


def test_scipys_tests_pass_with_our_functions(tmp_path):
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "scipy_plugin", "-p", "no:cacheprovider", "-k", TESTS]
    done = subprocess.run(
        [*command, "--pyargs", *MODULES],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    calls = json.loads(re.search(r"^fastconv's calls: (.*)$", done.stdout, flags=re.MULTILINE)[1])
    assert passed >= 2000
    served = {name.rpartition(".")[2]: count for name, (count, _) in calls.items()}
    assert served["convolve2d"] >= 25 and served["correlate2d"] >= 9 and served["fftconvolve"] >= 15
    assert served["convolve1d"] >= 200 and served["correlate1d"] >= 300 and served["gaussian_filter"] >= 40
