"""``python -m fastconv`` on small scripts."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import fastconv

# Whatever folder a test runs in, it is this copy of fastconv.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(fastconv.__file__).parents[1])}

KERAS = """
import sys
from keras.layers import Conv2D, MaxPool2D
import keras, tensorflow as tf
from tensorflow.keras.layers import Convolution2D
print(Conv2D.__module__, MaxPool2D.__module__, Convolution2D.__module__, tf.keras.layers.Conv2D.__module__)
"""
SCIPY = """
import sys
from scipy.signal import convolve2d
import scipy.signal
print(convolve2d([[1, 2]], [[3]]), scipy.signal.correlate2d([[1]], [[3]]))
print('tensorflow' in sys.modules, 'keras' in sys.modules)
print(*(sys.modules['fastconv.drop_in'].calls() if 'fastconv.drop_in' in sys.modules else ()))
"""


def run(*arguments, cwd=None, stdin=None, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        input=stdin,
        cwd=cwd or tempfile.gettempdir(),
        env=ENVIRONMENT | environment,
    )


@pytest.fixture
def script(tmp_path):
    def write(text, name="script.py"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize("first", ["", "import tensorflow"])  # which looks whether there is Keras
def test_keras_is_patched_before_the_script_sees_it(script, first):
    result = run("-m", "fastconv", script(first + KERAS))
    assert result.stdout.split() == [
        "fastconv.keras." + word for word in ("convolution", "pooling", "convolution", "convolution")
    ], result


def test_no_keras_leaves_it_alone(script):
    words = run("-m", "fastconv", "--no-keras", script(KERAS)).stdout.split()
    assert len(words) == 4 and all(word.startswith("keras.") for word in words)


def test_scipy_is_patched_without_tensorflow(script):
    path = script(SCIPY)
    answers, heavy, calls = run("-m", "fastconv", path).stdout.splitlines()
    assert (answers, heavy) == ("[[3 6]] [[3]]", "False False")
    assert calls.split() == ["scipy.signal.convolve2d", "scipy.signal.correlate2d"]
    assert run("-m", "fastconv", "--no-scipy", path).stdout.splitlines() == [answers, heavy, ""]


def test_filters_are_counted(script):
    code = """
import numpy as np, cv2
from scipy import ndimage
image = np.ones((9, 9), np.uint8)
cv2.blur(image, (3, 3)), ndimage.sobel(image), ndimage.gaussian_filter(image, 1.0)
"""
    said = run("-m", "fastconv", "--verbose", script(code)).stderr.splitlines()
    assert said[1:] == [
        "fastconv: cv2.blur: 1 calls served, 0 handed back",
        "fastconv: scipy.ndimage.gaussian_filter: 0 calls served, 1 handed back",
        "fastconv: scipy.ndimage.sobel: 1 calls served, 0 handed back",
    ]
    assert len(run("-m", "fastconv", "--verbose", "--no-cv2", "--no-scipy", script(code)).stderr.splitlines()) == 1


def test_where_the_layers_cannot_be_had_the_script_runs_unpatched_and_says_so(script):
    code = "import sys; sys.modules['fastconv.keras'] = None\nfrom keras.layers import Conv2D; print(Conv2D.__module__)"
    result = run("-m", "fastconv", script(code))
    assert result.stdout.startswith("keras.")
    assert "Keras' layers are left as they are" in result.stderr


def test_the_script_sees_what_python_would_show_it(script, tmp_path):
    script("value = 7", "helper.py")
    path = script(
        "import sys, helper\n"
        "print(__name__, __file__, sys.argv, sys.path[0], helper.value)\n"
        "print(sys.modules['__main__'].__dict__ is globals())"
    )
    arguments = [path, "--no-keras", "-m", "x y"]
    assert run("-m", "fastconv", *arguments).stdout == run(*arguments).stdout
    assert run("-m", "fastconv", "script.py", cwd=tmp_path).stdout == run("script.py", cwd=tmp_path).stdout


def test_modules_and_folders_run_too(script, tmp_path):
    script("import sys; print(__name__, sys.argv[1:], sys.path[0])", "tool.py")
    assert (
        run("-m", "fastconv", "-m", "tool", "--help", cwd=tmp_path).stdout
        == run("-m", "tool", "--help", cwd=tmp_path).stdout
    )
    (tmp_path / "folder").mkdir()
    script("import sys; print(sys.path[0], sys.argv)", "folder/__main__.py")
    assert run("-m", "fastconv", str(tmp_path / "folder"), "a").stdout == run(str(tmp_path / "folder"), "a").stdout


# What a program can know of itself, helper.py beside it.
LOOK = """
import sys, helper
def f(x: int): pass
names = [globals().get(name) for name in ("__name__", "__file__", "__package__", "__cached__", "__doc__")]
loader = getattr(__loader__, "__name__", type(__loader__).__name__)
print(sys.argv, [p for p in sys.path if not p.endswith("site")][0], names, loader, __spec__ is None, f.__annotations__)
print(sys.modules["__main__"].__dict__ is globals(), sys.stdin.read())
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["-", "a", "-c", "b c"],
        ["-c", LOOK, "-", "--no-keras"],
        ["-c" + LOOK, "a"],
        ["-mlook", "a", "-m"],
        ["look.py", "-", "-V"],
    ],
)
def test_every_form_sees_what_python_would_show_it(arguments, script, tmp_path):
    script("value = 7", "helper.py")
    script(LOOK, "look.py")
    stdin = LOOK if arguments[0] == "-" else "some words"
    ours, python = (run(*fastconv, *arguments, cwd=tmp_path, stdin=stdin) for fastconv in (["-m", "fastconv"], []))
    assert python.returncode == 0, python.stderr
    assert (ours.stdout, ours.stderr) == (python.stdout, python.stderr)


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["-"], ""),
        (["-"], "print(ascii('\xe9'))\n"),
        (["-"], "1 +\n"),
        (["-"], "\ndef f():\n 1 / 0\n\nf()"),
        (["-c", "import sys; sys.exit(3)"], ""),
        (["-c", "1 +"], ""),
        (["-c", "\ndef f():\n 1 / 0\nf()"], ""),
        (["-c", ""], ""),
    ],
)
def test_exit_codes_and_tracebacks_of_strings(arguments, stdin):
    ours, python = (run(*fastconv, *arguments, stdin=stdin) for fastconv in (["-m", "fastconv"], []))
    assert (ours.returncode, ours.stdout) == (python.returncode, python.stdout)
    assert ours.stderr.splitlines()[-1:] == python.stderr.splitlines()[-1:]
    assert "fastconv" not in ours.stderr


def test_keras_and_scipy_are_replaced_in_a_string():
    code = "import scipy.signal; print('drop_in' in scipy.signal.convolve2d.__code__.co_filename)"
    assert run("-m", "fastconv", "-c", code).stdout == "True\n"
    assert run("-m", "fastconv", "--no-scipy", "-", stdin=code).stdout == "False\n"


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit(3)",
        "import sys; sys.exit('stop')",
        "raise SystemExit",
        "print(1)",
        "def f():\n    raise ValueError('why')\n\nf()",
        "1 +",
        "import nowhere",
        "raise KeyboardInterrupt",
    ],
)
def test_exit_codes_and_tracebacks_are_the_scripts(script, code):
    path = script(code)
    ours, python = run("-m", "fastconv", path), run(path)
    assert ours.returncode == python.returncode
    assert ours.stdout == python.stdout
    if "KeyboardInterrupt" not in code:
        assert ours.stderr == python.stderr


def test_verbose_says_which_layers_run(script):
    path = script(
        "import numpy as np, keras\n"
        "keras.layers.MaxPool2D(1)(keras.layers.Conv2D(2, 3)(np.ones((1, 5, 5, 1))))\n"
        "keras.layers.Softmax()(np.ones((1, 2)), mask=np.ones((1, 2), bool))"
    )
    lines = run("-m", "fastconv", "-v", path, KERAS_BACKEND="numpy").stderr.splitlines()
    said = [line for line in lines if line.startswith("fastconv: ")]
    assert [line.split(" (")[0] for line in said[:2]] == [
        "fastconv: Conv2D: fastconv's kernels",
        "fastconv: MaxPooling2D: fastconv's kernels",
    ]
    assert said[2] == "fastconv: Softmax: no kernel for masks; Keras' own computation is used"
    assert said[3:] == ["fastconv: layers on fastconv's kernels: Conv2D, MaxPooling2D; left to Keras: Softmax"]
    assert "Keras was not imported" in run("-m", "fastconv", "--verbose", script("")).stderr
    assert "fastconv's kernels" not in run("-m", "fastconv", path, KERAS_BACKEND="numpy").stderr


def test_mnist_is_read_from_a_file_that_is_there(tmp_path, script):
    rng = np.random.default_rng(0)
    arrays = {f"{kind}_{part}": rng.integers(0, 9, 3) for kind in "xy" for part in ("train", "test")}
    np.savez(tmp_path / "mnist.npz", **arrays)
    path = script("from keras.datasets import mnist; (_, y), (x, _) = mnist.load_data(); print(*y, *x)")
    want = f"{' '.join(map(str, [*arrays['y_train'], *arrays['x_test']]))}\n"
    data = str(tmp_path / "mnist.npz")
    assert run("-m", "fastconv", "--data", data, path, FASTCONV_MNIST="", KERAS_BACKEND="numpy").stdout == want
    assert run("-m", "fastconv", path, FASTCONV_MNIST=data, KERAS_BACKEND="numpy").stdout == want


def test_a_download_of_mnist_that_fails_says_how_a_file_is_named(script):
    path = script(
        "import keras.src.datasets.mnist as mnist\n"
        "def get_file(**words): raise OSError('no way out')\n"
        "mnist.get_file = get_file\n"
        "mnist.load_data()"
    )
    said = run("-m", "fastconv", path, FASTCONV_MNIST="", KERAS_BACKEND="numpy").stderr
    assert "OSError: no way out" in said and "--data FILE" in said and "FASTCONV_MNIST" in said


def test_usage():
    result = run("-m", "fastconv", "--help")
    assert result.returncode == 0
    assert "--no-keras" in result.stdout and "script.py | -m module" in result.stdout
    assert run("-m", "fastconv", "--version").stdout == f"fastconv {fastconv.__version__}\n"
    told = run("-m", "fastconv")
    assert told.returncode == 0 and "serve" in told.stdout and "selftest" in told.stdout
    for nothing in (["--verbose"], ["-m"], ["-c"]):
        empty = run("-m", "fastconv", *nothing)
        assert empty.returncode == 2 and "a script, -m module, -c command or - is needed" in empty.stderr
    missing = run("-m", "fastconv", "/nowhere/script.py")
    assert missing.returncode == 2 and "can't open file '/nowhere/script.py'" in missing.stderr
