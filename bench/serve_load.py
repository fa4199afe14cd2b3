"""Load on servers of a network: requests a second and latencies, next to the same stack answering a constant.

python bench/serve_load.py --network lenet --peers constant,keras
python bench/serve_load.py --network mnist --images 32 --peers onnxruntime

Servers run one after the other in turns, a process each; this process is the client, on connections that send the next
request when the answer is there. Needs the extras serve, keras and, for peers, fastapi and onnxruntime.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NETWORKS = {"lenet": "lenet5", "mnist": "mnist_cnn"}


class Client(asyncio.Protocol):
    """One connection of a closed loop."""

    def __init__(self, request: bytes, result: Result):
        self._request, self._result, self._found = request, result, b""

    def connection_made(self, transport):
        self._transport = transport
        self._ask()

    def connection_lost(self, exc):
        self._result.lost += self._begin is not None

    def data_received(self, data):
        self._found += data
        head, separator, body = self._found.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        now = time.perf_counter()
        self._result.add(self._begin, now, self._found.startswith(b"HTTP/1.1 200"))
        self._found, self._begin = b"", None
        if now < self._result.end:
            self._ask()
        else:
            self._transport.close()

    def _ask(self):
        self._begin = time.perf_counter()
        self._transport.write(self._request)


class Result:
    """Latencies of a run."""

    def __init__(self, seconds: float):
        self.begin = time.perf_counter()
        self.end = self.begin + seconds
        self.seconds: list[float] = []
        self.failed = self.lost = 0

    def add(self, begin: float, now: float, right: bool) -> None:
        self.seconds.append(now - begin)
        self.failed += not right


def _length(head: bytes) -> int:
    begin = head.lower().index(b"\r\ncontent-length:") + 17
    return int(head[begin:].partition(b"\r\n")[0])


async def _load(address, request: bytes, connections: int, seconds: float) -> Result:
    loop, result = asyncio.get_running_loop(), Result(seconds)
    opened = [loop.create_connection(lambda: Client(request, result), *address) for _ in range(connections)]
    transports = [transport for transport, _ in await asyncio.gather(*opened)]
    while not all(transport.is_closing() for transport in transports) and time.perf_counter() < result.end + 20:
        await asyncio.sleep(0.05)
    return result


class Server:
    """A process that serves."""

    def __init__(self, kind: str, file: Path):
        self.kind = kind
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            self.address = listener.getsockname()
            command = [sys.executable, HERE / "serve_servers.py", kind, file, str(listener.fileno())]
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=[listener.fileno()]
            )
        assert self._process.stdout.readline() == b"ready\n", f"the {kind} server has not started"

    def cpu(self) -> float:
        """Seconds of CPU time that it has taken."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MiB resident."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


def request_of(kind: str, input_name: str, images: int) -> bytes:
    """The bytes of a request for as many images of noise."""
    array = np.random.default_rng(0).random((images, 28, 28, 1), dtype=np.float32)
    tensor = {"name": input_name, "shape": array.shape, "datatype": "FP32"}
    tensor["parameters"] = {"binary_data_size": array.nbytes}
    text = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    if kind == "keras":
        text = b""
    body = text + array.tobytes()
    head = (
        f"POST /v2/models/model/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: application/octet-stream\r\nInference-Header-Content-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + body


def write_models(network: str, folder: Path) -> dict[str, Path]:
    """Files of a network with random weights, by the suffix; ONNX Runtime's in the order that it computes in."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(HERE.parent / "examples" / "networks"))
    model = __import__(NETWORKS[network]).build()
    files = {suffix: folder / f"model.{suffix}" for suffix in ("keras", "fcn", "onnx")}
    model.save(files["keras"])
    import fastconv

    fastconv.load(files["keras"]).save(files["fcn"])
    files["onnx"].write_bytes(_onnx(model))
    return files


def _onnx(model) -> bytes:
    """A Sequential model of convolutions, pooling and dense layers, images in NHWC, as ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, place = [], [], ["x"]

    def add(op, *weights, **attributes):
        names = [f"w{len(constants) + index}" for index in range(len(weights))]
        constants.extend(map(numpy_helper.from_array, weights, names))
        place.append(f"v{len(nodes)}")
        nodes.append(helper.make_node(op, [place[-2], *names], [place[-1]], **attributes))

    add("Transpose", perm=[0, 3, 1, 2])
    for layer in model.layers:
        weights, kind = layer.get_weights(), type(layer).__name__
        if kind == "Conv2D":
            add("Conv", np.ascontiguousarray(weights[0].transpose(3, 2, 0, 1)), weights[1])
        elif kind == "MaxPooling2D":
            add("MaxPool", kernel_shape=layer.pool_size, strides=layer.strides)
        elif kind == "Flatten":
            add("Transpose", perm=[0, 2, 3, 1])
            add("Flatten")
        else:
            add("Gemm", *weights)
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if activation != "linear":
            add(activation.capitalize())
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 28, 28, 1])],
        [helper.make_tensor_value_info(place[-1], TensorProto.FLOAT, ["n", 10])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def _input_name(kind: str, files: dict[str, Path]) -> str:
    import fastconv

    return "x" if kind == "onnxruntime" else fastconv.load(files["fcn"]).inputs[0].name


def _row(kind: str, results: list[Result], memory: list[float], cpu: float, images: int) -> tuple[float, str]:
    seconds = np.sort(np.concatenate([result.seconds for result in results])) * 1e3
    rate = float(np.median([len(result.seconds) / (result.end - result.begin) for result in results]))
    failed, lost = sum(result.failed for result in results), sum(result.lost for result in results)
    p50, p99 = np.percentile(seconds, [50, 99])
    grown = f"{memory[0]:.0f} to {memory[-1]:.0f}"
    words = f"{rate:.0f} | {rate * images:.0f} | {p50:.2f} | {p99:.2f} | {1e6 * cpu / len(seconds):.0f}"
    return rate, f"| {kind} | {words} | {len(seconds)} | {failed} | {lost} | {grown} |"


def measure(kinds: list[str], files: dict[str, Path], options) -> None:
    """Run the servers in turns, and print a table."""
    suffixes = {"keras": "keras", "onnxruntime": "onnx"}
    servers = [Server(kind, files[suffixes.get(kind, "fcn")]) for kind in kinds]
    requests = {kind: request_of(kind, _input_name(kind, files), options.images) for kind in kinds}
    results, memory, cpu = {kind: [] for kind in kinds}, {kind: [] for kind in kinds}, dict.fromkeys(kinds, 0.0)
    try:
        for server in servers:  # plans, traces and caches of every size of a batch
            asyncio.run(_load(server.address, requests[server.kind], options.connections, 2.0))
        for _ in range(options.rounds):
            for server in servers:
                memory[server.kind].append(server.memory())
                cpu[server.kind] -= server.cpu()
                part = options.seconds / options.rounds
                asked = _load(server.address, requests[server.kind], options.connections, part)
                results[server.kind].append(asyncio.run(asked))
                cpu[server.kind] += server.cpu()
                memory[server.kind].append(server.memory())
    finally:
        for server in servers:
            server.stop()
    print("| server | requests/s | images/s | p50 ms | p99 ms | its CPU, us | requests | not 200 | lost | MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    rates = {}
    for kind in kinds:
        rates[kind], text = _row(kind, results[kind], memory[kind], cpu[kind], options.images)
        print(text)
    for kind in kinds[1:]:
        print(f"fastconv / {kind}: {rates['fastconv'] / rates[kind]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="lenet")
    parser.add_argument("--peers", default="constant", help="of constant, keras, onnxruntime")
    parser.add_argument("--images", type=int, default=1, help="in a request")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each server")
    parser.add_argument("--rounds", type=int, default=5, help="turns that these are divided into")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds = ["fastconv", *filter(None, options.peers.split(","))]
        measure(kinds, write_models(options.network, Path(folder)), options)


if __name__ == "__main__":
    main()
