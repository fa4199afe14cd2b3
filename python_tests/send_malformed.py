"""Sends a server malformed requests and a good one after each.

``python python_tests/send_malformed.py --count 1000 --seed 0`` starts a server and sends it that many. It fails if one
gets another status than it may or a traceback, or if a good request after it is not answered.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from malformed import ANSWER, CLOSED, GOOD, MAX_BODY, MAX_PIXELS, REST, ROW, TIMEOUT, Fault, drawn, post
from serving import process, scaled


def _received(connection: socket.socket, seconds: float) -> tuple[int, bytes]:
    """The status and the body of one answer."""
    data, end = b"", time.monotonic() + seconds
    while True:
        head, separator, body = data.partition(b"\r\n\r\n")
        if separator:
            found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if head[9:12] == b"100" or (found and len(body) >= int(found[0][15:])):
                return int(head[9:12]), body
        connection.settimeout(max(end - time.monotonic(), 0.01))
        try:
            more = connection.recv(1 << 16)
        except ConnectionError:
            more = b""
        if not more:
            return (int(head[9:12]), body) if separator else (CLOSED, data)
        data += more


def send(address: tuple[str, int], fault: Fault) -> str:
    """Send it, and then a good request; what is wrong, or nothing."""
    with socket.create_connection(address, 10) as connection:
        try:
            connection.sendall(fault.data)
            if fault.then == "end":
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:  # it has been refused before its end
            pass
        if fault.then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            status, body = CLOSED, b""
        else:
            try:
                status, body = _received(connection, 20)
            except TimeoutError:
                return f"no answer; {fault.data[:300]!r}"
    if status not in fault.statuses:
        return f"{status} and not one of {sorted(fault.statuses)}: {body[:200]!r}; {fault.data[:300]!r}"
    if b"Traceback" in body or b'File "' in body:
        return f"a traceback: {body[:300]!r}; {fault.data[:300]!r}"
    with socket.create_connection(address, 10) as connection:
        connection.sendall(post(REST, GOOD))
        status, body = _received(connection, 20)
    return "" if status == 200 and json.loads(body) == ANSWER else f"then {status} {body[:200]!r}; {fault.data[:300]!r}"


def sent(address: tuple[str, int], seed: int, count: int) -> tuple[Counter, list[str]]:
    """How many of each kind were sent, and what was wrong; several at a time, as some wait."""
    faults = [drawn(seed, number) for number in range(count)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda fault: send(address, fault), faults))
    words = [
        f"{fault.kind} {number}: {word}" for number, (fault, word) in enumerate(zip(faults, found, strict=True)) if word
    ]
    return Counter(fault.kind for fault in faults), words


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "scaled.fcn"
        scaled(2.0, ROW).save(model)
        bounds = ("--max-body", MAX_BODY, "--max-pixels", MAX_PIXELS, "--timeout", TIMEOUT, "--no-access-log")
        with process(model, *bounds) as (url, server):
            host, port = url.removeprefix("http://").split(":")
            kinds, wrong = sent((host, int(port)), options.seed, options.count)
            alive = server.poll() is None
    print(", ".join(f"{kind} {number}" for kind, number in kinds.items()))
    print(*wrong, f"{options.count} sent, {len(wrong)} wrong, the server {'serves' if alive else 'has died'}", sep="\n")
    return 1 if wrong or not alive else 0


if __name__ == "__main__":
    sys.exit(main())
