"""What a checker of types says of calls that are right and of calls that are wrong, and whether stubs are true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastconv

CALLS = Path(__file__).parent / "typing"
FOLDER = Path(fastconv.__file__).parents[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    environment = os.environ | {"MYPY_CACHE_DIR": str(tmp_path_factory.mktemp("mypy"))}

    def of(*command: str) -> list[str]:
        """The lines that a module of mypy prints."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            capture_output=True,
            text=True,
            cwd=FOLDER,
            env=environment,
            timeout=240,
            check=False,
        )
        return (done.stdout + done.stderr).splitlines()

    return of


def test_right_calls_pass_and_wrong_ones_are_all_reported(run):
    said = run("mypy", "--strict", str(CALLS / "right.py"))
    assert said[-1].startswith("Success"), said
    lines = (CALLS / "wrong.py").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    said = "\n".join(run("mypy", "--strict", str(CALLS / "wrong.py")))
    assert {int(number) for number in re.findall(r"wrong\.py:(\d+): error", said)} == wrong


def test_stubs_say_what_the_functions_are(run):
    said = run("mypy.stubtest", "--concise", "fastconv", "fastconv.nn", "fastconv.image")
    assert said[-1].startswith("Success"), said
