"""Malformed requests, drawn by a seed, each with the statuses that it may get."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

ROW = (2, 3, 1)
MAX_BODY, MAX_PIXELS, TIMEOUT = 50_000, 10_000, 1.0
REST, V2 = "/v1/models/scaled:predict", "/v2/models/scaled/infer"
CLOSED = 0  # stands for a connection that ends without an answer
GOOD = b'{"instances": [[[[1], [2], [3]], [[4], [5], [6]]]]}'
ANSWER = {"predictions": [[[[2], [4], [6]], [[8], [10], [12]]]]}


class Fault(NamedTuple):
    """What is sent, and the statuses of which one must come."""

    kind: str
    data: bytes
    statuses: frozenset[int]
    then: str = "read"  # or "wait" while the server's time runs out, "end" the sending side, "reset" the connection


def post(path: str, body: bytes, *headers: str, length: str | None = "", method="POST") -> bytes:
    """The bytes of a request; length None for no such header."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _limited(body: bytes, *statuses: int) -> frozenset[int]:
    return frozenset({413} if len(body) > MAX_BODY else statuses)


def sizes(rng) -> Fault:
    """Rows of another shape, and bodies that are too long."""
    shape = [rng.choice((0, 1, 2, 3, 5, 70)) for _ in range(rng.randrange(7))]
    body = json.dumps({rng.choice(("instances", "inputs")): np.zeros(shape).tolist()}).encode()
    fits = len(shape) == 4 and tuple(shape[1:]) == ROW
    # A list that ends with an empty one has no depth behind that.
    return Fault("sizes", post(REST, body), _limited(body, 200) if fits else _limited(body, 400))


def types(rng) -> Fault:
    """Something else where a number, a list or an object belongs."""
    wrong = rng.choice(("a", None, {}, {"b64": "AAAA"}, [], [[]], "1", 10**400, {"x": {}}, ["a", 1]))
    message = json.loads(GOOD)
    place = rng.randrange(5)
    if place == 0:
        message = wrong
    elif place == 1:
        message["instances"] = wrong
    else:
        inner = message["instances"]
        for _ in range(place - 2):
            inner = inner[0]
        inner[0] = wrong
    return Fault("types", post(REST, json.dumps(message).encode()), frozenset({400}))


def depth(rng) -> Fault:
    """Lists or objects in each other."""
    levels = rng.choice((5, 70, 1000, 5000, 20_000, 40_000))
    begin, end = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    body = b'{"instances": ' + begin * levels + b"1" + end * (levels if rng.random() < 0.7 else 0) + b"}"
    return Fault("depth", post(REST, body), _limited(body, 400))


def not_numbers(rng) -> Fault:
    """NaN and infinity in all spellings; JSON's readers know three of them."""
    word = rng.choice(("NaN", "Infinity", "-Infinity", "nan", "+NaN", "NAN", "inf", "1e999", "0x1", "1_0", ".5", "--1"))
    known = word in ("NaN", "Infinity", "-Infinity", "1e999")
    body = GOOD.replace(b"3", word.encode())
    return Fault("not numbers", post(REST, body), frozenset({200, 400} if word == "1e999" else {200 if known else 400}))


def damaged(rng) -> Fault:
    """A message cut off or with other bytes in it."""
    body = bytearray(GOOD if rng.random() < 0.5 else rng.randbytes(rng.randrange(2000)))
    if rng.random() < 0.5:
        body = body[: rng.randrange(len(body) + 1)]
        return Fault(
            "damaged", post(rng.choice((REST, V2)), bytes(body)), frozenset({400} | ({200} if body == GOOD else set()))
        )
    for _ in range(rng.randrange(1, 5)):
        if body:
            body[rng.randrange(len(body))] = rng.randrange(256)
    return Fault("damaged", post(REST, bytes(body)), frozenset({200, 400}))


def tensors(rng) -> Fault:
    """The Open Inference Protocol with a field missing or wrong."""
    tensor = {"name": "x", "shape": [1, *ROW], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}
    message = {"inputs": [tensor]}
    field = rng.choice(("name", "shape", "datatype", "data"))
    if rng.random() < 0.3:
        del tensor[field]
    elif rng.random() < 0.2:
        message["inputs"] = rng.choice((None, {}, [], [1], [tensor, tensor], "x"))
    else:
        wrong = (
            None,
            -1,
            10**30,
            "x'; --",
            [],
            [-1],
            [1, 2, 3],
            {"a": 1},
            [[1], [2, 3]],
            ["1"] * 6,
            [2**62] * 4,
            "BYTES",
            1.5,
        )
        tensor[field] = rng.choice(wrong)
    return Fault("tensors", post(V2, json.dumps(message).encode()), frozenset({400}))


def binaries(rng) -> Fault:
    """Binary tensors of wrong sizes, and wrong lengths of the JSON before them."""
    size = rng.choice((0, 23, 25, 48, -1, 2**63, "24", None, 24.0, True, [24]))
    tensor = {"name": "x", "shape": [1, *ROW], "datatype": "FP32", "parameters": {"binary_data_size": size}}
    text = json.dumps({"inputs": [tensor]}).encode()
    length = str(len(text))
    if rng.random() < 0.5:
        text = text.replace(json.dumps(size).encode(), b"24")
        length = rng.choice(("", "-1", "0", "1e2", "99999999", "9" * 5000, f"+{length}", str(len(text) - 1), "\xb2"))
    return Fault("binaries", post(V2, text + bytes(24), f"Inference-Header-Content-Length: {length}"), frozenset({400}))


def npy(rng) -> Fault:
    """.npy files of wrong headers."""
    descr = rng.choice(("<f4", "|O", "<c8", "<U9", ">f4", "f999", "|V4", "<M8[s]", "__import__('os')"))
    shape = rng.choice(
        ("(1, 2, 3, 1)", "(-1, 2, 3, 1)", "(1 << 60, 2, 3, 1)", f"({10**30},)", "('a',)", "(1,", "7", "(2, 3)")
    )
    header = (
        f"{{'descr': '{descr}', 'fortran_order': {rng.choice(('False', 'True', '1', 'None'))}, 'shape': {shape}, }}"
    )
    header += " " * rng.choice((0, 10, 5000)) + rng.choice(("\n", "", "\0", "("))
    size = rng.choice((len(header), 0, 65535))
    version = rng.choice((b"\1\0", b"\2\0", b"\3\0", b"\xff\xff"))
    length = struct.pack("<H" if version == b"\1\0" else "<I", size)
    body = b"\x93NUMPY" + version + length + header.encode() + bytes(rng.choice((0, 23, 24, 25, 192)))
    return Fault("npy", post("/predict", body), frozenset({200, 400}))


def _png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def pictures(rng) -> Fault:
    """Pictures that are too large, cut off, or of other bytes."""
    if rng.random() < 0.3:
        side = rng.choice((101, 5000, 1 << 16, (1 << 31) - 1))
        return Fault("pictures", post("/predict", _png(side, side, zlib.compress(bytes(1000)))), frozenset({400}))
    stream = io.BytesIO()
    kind = rng.choice(("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA"))
    side = rng.choice((1, 30, 99, 200))
    Image.fromarray(np.random.default_rng(rng.randrange(99)).integers(0, 256, (side, side), np.uint8)).save(
        stream, kind
    )
    body = bytearray(stream.getvalue())
    if rng.random() < 0.5:
        body = body[: rng.randrange(len(body))]
    for _ in range(rng.randrange(8)):
        if body:
            body[rng.randrange(len(body))] = rng.randrange(256)
    return Fault("pictures", post("/predict", bytes(body)), _limited(bytes(body), 200, 400))


def bombs(rng) -> Fault:
    """Bodies, pictures and texts in them that are small until they are unpacked."""
    zeros = bytes(20_000_000)
    which = rng.randrange(4)
    if which == 0:
        word, packed = rng.choice(
            (("gzip", gzip.compress(zeros, 1)), ("deflate", zlib.compress(zeros)), ("br", b"x"), ("zstd", b"x"))
        )
        return Fault("bombs", post(REST, packed, f"Content-Encoding: {word}"), frozenset({415}))
    if which == 1:
        return Fault("bombs", post("/predict", _png(100, 100, zlib.compress(zeros))), frozenset({200, 400}))
    stream = io.BytesIO()
    side = rng.choice((101, 3000))
    kind, options = rng.choice(
        (("TIFF", {"compression": "tiff_adobe_deflate"}), ("GIF", {}), ("WEBP", {"lossless": True}))
    )
    Image.new("L", (side, side)).save(stream, kind, **options)
    body = stream.getvalue()
    return Fault("bombs", post("/predict", body), _limited(body, 400))


def chunks(rng) -> Fault:
    """Bodies in pieces, of right and of wrong sizes."""
    size = rng.choice(
        (
            b"%x" % len(GOOD),
            b"-1",
            b"0x10",
            b"g",
            b"",
            b"F" * 20,
            b" 5",
            b"5 ",
            b"7FFFFFFFFFFFFFFF",
            b"%x;a=b" % len(GOOD),
        )
    )
    data = size + b"\r\n" + GOOD + b"\r\n0\r\n\r\n"
    right = size.split(b";")[0] == b"%x" % len(GOOD)
    head = post(REST, b"", "Transfer-Encoding: chunked", length=None)
    waits = size in (b"7FFFFFFFFFFFFFFF",)
    return Fault("chunks", head + data, frozenset({200} if right else {400, 408, 413}), "wait" if waits else "read")


def lengths(rng) -> Fault:
    """Content-Length that is no number, or of another body, twice, or beside chunks."""
    word = rng.choice(
        ("-1", "+5", "5, 6", "0x5", "1e1", "", " ", "\xb2", "9" * 30, str(MAX_BODY + 1), "beside", "twice", "short")
    )
    if word == "beside":
        return Fault("lengths", post(REST, b"0\r\n\r\n", "Transfer-Encoding: chunked"), frozenset({400}))
    if word == "twice":
        return Fault("lengths", post(REST, GOOD, "Content-Length: 5"), frozenset({400}))
    if word == "short":
        return Fault("lengths", post(REST, GOOD[:-1]), frozenset({400}))
    return Fault("lengths", post(REST, GOOD, length=word or " "), frozenset({400, 413, 408}))


def headers(rng) -> Fault:
    """Headers that no client sends."""
    which = rng.choice(
        (
            ("a b: c", {400}),
            ("a : b", {400}),
            ("no colon", {400}),
            ("a: b\0c", {400}),
            ("a: b\r\n folded: c", {200, 400}),
            (": empty", {400}),
            ("a: b\nc: d", {200, 400}),
            ("Host: evil.example", {400}),
            ("Origin: http://evil.example", {403}),
            ("Origin: null", {403}),
            ("Origin: http://[", {400, 403}),
            ("Authorization: Bearer \xe9\xff", {200}),
            ("Transfer-Encoding: xchunked", {400}),
            ("Transfer-Encoding: gzip, chunked", {400, 415}),
            ("Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x", {200, 400, 404}),
            ("Expect: 100-continue", {100, 200}),
            ("X: " + "a" * 70_000, {400, 431}),
            ("\r\n".join(f"x{i}: {i}" for i in range(9000)), {400, 431}),
        )
    )
    return Fault("headers", post(REST, GOOD, which[0]), frozenset(which[1]))


PATHS = (
    "/../../etc/passwd",
    "/page/../../secret",
    "/page/%2e%2e%2fview.py",
    "/page/view.py",
    "/%00",
    "/%0d%0aSet-Cookie:a=b",
    "//evil.example/",
    "http://evil.example/",
    "/" + "a" * 9000,
    "/v1/models/scaled/versions/" + "9" * 500,
    "/v2/models/scaled/versions/x/infer",
    "/predict/",
    "/\xe9",
    "*",
    "?",
)


def lines(rng) -> Fault:
    """Other methods, versions and paths."""
    method = rng.choice(("GET", "PUT", "DELETE", "TRACE", "CONNECT", "BREW", "post", "OPTIONS", "PATCH"))
    path = rng.choice(PATHS)
    version = rng.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "HTTP/1.1.1", "XTTP/1.1", ""))
    data = f"{method} {path} {version}\r\nHost: localhost\r\n\r\n".encode()
    return Fault("lines", data, frozenset({400, 404, 405}))


def noise(rng) -> Fault:
    """Bytes that are no HTTP."""
    begin = rng.choice(
        (
            b"\x16\x03\x01\x02\x00\x01",
            b"\0",
            b"SSH-2.0-x\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\xff",
            b"\r\n\r\n\r\nA",
        )
    )
    return Fault("noise", begin + rng.randbytes(rng.randrange(200)) + b"\r\n\r\n", frozenset({400, 408}))


def slow(rng) -> Fault:
    """A request that does not go on."""
    data = post(REST, GOOD)
    return Fault("slow", data[: rng.randrange(len(data))], frozenset({408}), "wait")


def ended(rng) -> Fault:
    """A client that ends its side: what came whole is answered."""
    data = post(rng.choice((REST, "/nothing")), GOOD)
    if rng.random() < 0.5:
        return Fault("half open", data, frozenset({200, 404}), "end")
    return Fault("half open", data[: rng.randrange(len(data))], frozenset({CLOSED, 400, 404, 408}), "end")


def left(rng) -> Fault:
    """A client that resets its connection, perhaps after many requests whose answers it does not read."""
    data = post(REST, GOOD) * rng.choice((1, 1, 50, 500))
    return Fault("left", data[: rng.randrange(1, len(data) + 1)], frozenset({CLOSED}), "reset")


REQUESTS = (sizes, types, depth, not_numbers, damaged, tensors, binaries, npy, pictures, bombs)
CONNECTIONS = (chunks, lengths, headers, lines, noise, slow, ended, left)
KINDS = REQUESTS + CONNECTIONS


def drawn(seed: int, number: int) -> Fault:
    """One of them; each number is of the kind whose turn it is."""
    return KINDS[number % len(KINDS)](random.Random(f"{seed} {number}"))
