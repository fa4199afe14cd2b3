"""SciPy's own tests of convolve2d and correlate2d, as its wheel ships them, run on fastconv's functions."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

MODULES = ("scipy.signal.tests.test_signaltools", "scipy.signal.tests.test_fir_filter_design")
# The classes of the two functions, and the other tests that call one of them.
TESTS = "TestConvolve2d or TestCorrelate2d or Testfirwin_2d or (TestFFTConvolve and test_random_data_multidim_axes)"
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
    assert passed >= 35
    assert calls["convolve2d"] >= 30
    assert calls["correlate2d"] >= 10
