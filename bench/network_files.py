"""A network as the files that libraries read: ``python network_files.py FOLDER litert|mnn|ncnn`` converts one there.

A folder has ``model.keras`` or ``model.onnx``, from which the others are made. What is converted is kept: a library's
process reads a file that was made for it beforehand, as its users' do.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

FREE = 224  # pixels of a side that a file leaves free
SCRIPTS = Path(__file__).parents[1] / "examples" / "networks"
CONVERTED = {"litert": "model.tflite", "mnn": "model.mnn", "ncnn": "model.ncnn.param"}


@cache
def _folders() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="fastconv-bench-")


def write(settings: dict) -> Path:
    """The folder of a case's network: a script's, saved by Keras, or a file's; where it can be, as an ONNX file too.

    With ``bits`` it has nothing but the ONNX file that ONNX Runtime's tool makes of that in 8 bits.
    """
    if "bits" in settings:
        return _in_8_bits(write({key: word for key, word in settings.items() if key != "bits"}))
    folder = Path(_folders().name) / Path(settings.get("file", settings.get("net"))).name
    folder.mkdir(exist_ok=True)
    if "file" in settings:
        source = Path(settings["file"])
        target = folder / ("model.onnx" if source.suffix == ".onnx" else f"model{source.suffix}")
        if not target.exists():
            target.symlink_to(source.resolve())
    elif not (folder / "model.keras").exists():
        _save(folder / "model.keras", settings["net"])
    if not (folder / "model.onnx").exists():
        _write_onnx(folder)
    return folder


def _in_8_bits(source: Path) -> Path:
    """The folder beside one with a network's ONNX file in uint8, with weights of int8, scaled by images of noise."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    folder = source.with_name(source.name + "-8-bits")
    if (folder / "model.onnx").exists():
        return folder
    folder.mkdir(exist_ok=True)
    (h, w, c), rng = network(source)[1], np.random.default_rng(0)
    images = [{_input(source): rng.random((1, c, h, w), np.float32)} for _ in range(8)]
    with tempfile.TemporaryDirectory() as scratch:
        prepared = str(Path(scratch, "prepared.onnx"))
        quant_pre_process(str(source / "model.onnx"), prepared, skip_symbolic_shape=True)
        words = {"activation_type": quantization.QuantType.QUInt8, "per_channel": True}
        quantization.quantize_static(prepared, str(folder / "model.onnx"), _Images(images), **words)
    return folder


def _input(folder: Path) -> str:
    import onnx

    return onnx.load(folder / "model.onnx").graph.input[0].name


class _Images:
    """What ONNX Runtime's tool reads samples from."""

    def __init__(self, images: list[dict]) -> None:
        self._left = images

    def get_next(self) -> dict | None:
        return self._left.pop() if self._left else None


def network(folder: Path) -> tuple:
    """fastconv's network, and the shape of an image with channels last."""
    import fastconv

    path = original(folder)
    net = fastconv.load(path)
    if len(net.inputs) != 1 or len(net.inputs[0].shape) != 4:
        raise ValueError(f"`--model` must be a network of images; {path.resolve().name} has inputs {net.inputs}")
    sizes = [size or FREE for size in net.inputs[0].shape[1:]]
    return net, tuple(sizes[axis] for axis in (1, 2, 0)) if path.suffix == ".onnx" else tuple(sizes)


def floor(net, shape: tuple[int, ...]) -> tuple[float, int]:
    """(operations of the algorithms that fastconv chooses, bytes of weights) for a batch with channels last.

    Winograd's F(m, r) multiplies (m + r - 1)**2 numbers where a convolution multiplies (m * r)**2; its transformations
    are not counted.
    """
    n, h, w, c = shape
    given = net.inputs[0].shape
    fits = all(size in (None, wanted) for size, wanted in zip(given, shape, strict=True))
    plan = net._plans.apart([shape if fits else (n, c, h, w)], net._outputs)
    flops = sum(planned.step.flops / _spared(planned.step.algorithm) for planned in plan.steps)
    return flops, sum(tensor.nbytes for tensor in plan.tensors.values() if tensor.value is not None)


def _spared(algorithm: str) -> float:
    found = re.fullmatch(r"winograd_(\d+)x(\d+)", algorithm)
    m, r = map(int, found.groups()) if found else (1, 1)
    return (m * r / (m + r - 1)) ** 2


def reference(settings: dict, x: np.ndarray) -> np.ndarray:
    """What a script's network gives in float64; for a file, and in 8 bits, what its own framework gives."""
    if "net" in settings and "bits" not in settings:
        return _in_float64(settings["net"], x)
    path = original(write(settings))
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0]
    import keras

    return keras.models.load_model(path, compile=False).predict(x, verbose=0)


def _in_float64(script: str, x: np.ndarray) -> np.ndarray:
    import keras

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        return _model(script).predict(x.astype(np.float64), batch_size=64, verbose=0)
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(before)


def original(folder: Path) -> Path:
    """The file that a user would have."""
    return next(
        folder / name for name in ("model.keras", "model.h5", "model.fcn", "model.onnx") if (folder / name).exists()
    )


def _save(path: Path, script: str) -> None:
    _model(script).save(path)


def _model(script: str):
    import keras_server

    if str(SCRIPTS) not in sys.path:
        sys.path.insert(0, str(SCRIPTS))
    model = importlib.import_module(script).build()
    model.set_weights(keras_server.weights(model))
    return model


def _write_onnx(folder: Path) -> None:
    from onnx_writer import to_onnx

    import fastconv
    from fastconv.network.graph import Value

    net = fastconv.load(original(folder))
    graph = net._graph
    names = graph.names() - set(graph.constants)
    try:
        shapes = {value.name: value.shape for value in net._plans.shaped([Value(name) for name in names])}
        (folder / "model.onnx").write_bytes(to_onnx(graph, shapes))
    except (ValueError, KeyError):
        return  # who reads nothing else says that there is no such file


def convert(folder: Path, library: str) -> None:
    """Make the file of a library, in a process of its own: converters are larger than what runs the result."""
    if (folder / CONVERTED[library]).exists():
        return
    done = subprocess.run(
        [sys.executable, __file__, str(folder), library],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        cwd=folder,
    )
    if not (folder / CONVERTED[library]).exists():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(f"no file for {library}: {said[-1] if said else 'its converter says nothing'}")


def _to_litert(folder: Path) -> None:
    import keras
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(keras.models.load_model(original(folder), compile=False))
    (folder / CONVERTED["litert"]).write_bytes(converter.convert())


def _to_mnn(folder: Path) -> None:
    import _tools  # of MNN; its command installs packages and reports what it converts

    files = ["--modelFile", "model.onnx", "--MNNModel", CONVERTED["mnn"]]
    _tools.mnnconvert(["mnnconvert", "-f", "ONNX", *files, "--bizCode", "bench"])


def _to_ncnn(folder: Path) -> None:
    import onnx
    import pnnx

    shape = [max(d.dim_value, 1) for d in onnx.load(folder / "model.onnx").graph.input[0].type.tensor_type.shape.dim]
    subprocess.run([pnnx.EXEC_PATH, "model.onnx", f"inputshape=[{','.join(map(str, shape))}]", "fp16=0"], cwd=folder)


if __name__ == "__main__":
    globals()[f"_to_{sys.argv[2]}"](Path(sys.argv[1]))
