"""A process of the networks suite: ``python network_server.py LIBRARY``, with the commands of keras_server.py.

``python network_server.py LIBRARY FOLDER`` is a start: it loads the network in that folder, predicts once, and ends.
A library is a function of a folder of files and the number of threads, which returns one of images with channels last.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

import numpy as np


def nchw(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


def fastconv(folder: Path, threads: int):
    import network_files

    import fastconv

    if word := os.environ.get("BENCH_PRECISION"):
        fastconv.set_float32_precision(word)
    fastconv.set_num_threads(threads)
    path = network_files.original(folder)
    net = fastconv.load(path)
    return (lambda x: net(nchw(x))) if path.suffix == ".onnx" else net


def keras(folder: Path, threads: int):
    import keras

    return keras.models.load_model(_only(folder, "model.keras"), compile=False).predict_on_batch


def onnxruntime(folder: Path, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    path = str(_only(folder, "model.onnx"))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: nchw(x)})[0]


def openvino(folder: Path, threads: int):
    import openvino

    core = openvino.Core()
    config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(_only(folder, "model.onnx")), "CPU", config)
    request = compiled.create_infer_request()
    return lambda x: request.infer([nchw(x)])[0]


def litert(folder: Path, threads: int):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(_only(folder, "model.tflite")), num_threads=threads)
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    shape = None

    def run(x):
        nonlocal shape
        if x.shape != shape:
            interpreter.resize_tensor_input(source, x.shape)
            interpreter.allocate_tensors()
            shape = x.shape
        interpreter.set_tensor(source, x)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return run


def mnn(folder: Path, threads: int):
    import MNN

    manager = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": threads},))
    network = MNN.nn.load_module_from_file(str(_only(folder, "model.mnn")), [], [], runtime_manager=manager)

    def run(x):
        source = MNN.expr.const(nchw(x), list(nchw(x).shape), MNN.expr.NCHW)
        return MNN.expr.convert(network.forward([source])[0], MNN.expr.NCHW).read().copy()

    return run


def ncnn(folder: Path, threads: int):
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    net.load_param(str(_only(folder, "model.ncnn.param")))
    net.load_model(str(_only(folder, "model.ncnn.bin")))
    source, target = net.input_names()[0], net.output_names()[0]

    def one(image):
        extractor = net.create_extractor()
        extractor.input(source, ncnn.Mat(image))
        return np.array(extractor.extract(target)[1])

    # It has no batches.
    return lambda x: np.stack([one(image) for image in nchw(x)])


def torch(folder: Path, threads: int):
    import torch
    from torch_network import Network

    torch.set_num_threads(threads)
    path = _only(folder, "model.onnx")
    example = torch.from_numpy(np.load(folder / "one.npy")).permute(0, 3, 1, 2)
    with torch.inference_mode():  # batch normalization goes into the convolutions, and oneDNN packs the kernels
        model = torch.jit.freeze(torch.jit.trace(Network(path).eval(), example))

    def run(x):
        with torch.inference_mode():
            return model(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()

    return run


LIBRARIES = {f.__name__: f for f in (fastconv, keras, onnxruntime, openvino, litert, mnn, ncnn, torch)}


def _only(folder: Path, name: str) -> Path:
    if not (folder / name).exists():
        raise RuntimeError(f"there is no {name} of this network")
    return folder / name


class Network:
    """A case: the library's call, its images, and how they are handed over."""

    def __init__(self, library: str, command: dict):
        folder, self._batch = Path(command["folder"]), command["batch"]
        self._x = np.load(command["images"], mmap_mode="r")
        self._x = np.array(self._x)
        self._call = LIBRARIES[library](folder, command["threads"])

    def run(self) -> np.ndarray:
        x, size = self._x, self._batch
        if len(x) == size:
            return np.asarray(self._call(x))
        return np.concatenate([np.asarray(self._call(x[i : i + size])) for i in range(0, len(x), size)])


def serve(library: str, reply) -> None:
    """Answer commands until there are no more."""
    network = None
    reply({"ready": True})
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] == "run":
                network.run()
            else:
                network = None
                gc.collect()
            if command["do"] == "build":
                network = Network(library, command)
                np.save(command["file"], network.run())
        except Exception as error:
            said = str(error).strip().splitlines() or [""]
            reply({"error": f"{type(error).__name__}: {said[0][:200]}"})  # this row is lost, not the process
        else:
            reply({})


def start(library: str, folder: Path) -> None:
    """What a program does that predicts once."""
    call = LIBRARIES[library](folder, int(os.environ["OMP_NUM_THREADS"]))
    call(np.load(folder / "one.npy"))
    status = Path("/proc/self/status")  # not getrusage, which counts what the process was forked from
    lines = status.read_text().splitlines() if status.exists() else []
    print(next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0))


def main() -> None:
    if len(sys.argv) > 2:
        start(sys.argv[1], Path(sys.argv[2]))
        return
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is none
    serve(sys.argv[1], lambda content: print(json.dumps(content), file=replies, flush=True))


if __name__ == "__main__":
    main()
