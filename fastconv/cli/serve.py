"""Serve a network over HTTP: TensorFlow Serving's REST, the Open Inference Protocol, and a page to try it.

A key for clients is read from a file, or from the environment variable FASTCONV_API_KEY; each line is one.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from ..serve import Settings
from ..serve import run as run_server

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    default = Settings()
    parser.add_argument("model", metavar="MODEL", help=".keras, .h5, .onnx or .fcn file")
    parser.add_argument("--name", help="what clients call it (default: the file's name)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8501, help="0 for a free one (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument("--watch", action="store_true", help="load the file anew when it changes")
    for option, kind, text in (
        ("max-batch", int, "images computed in one call"),
        ("max-wait", float, "ms that a batch which is not full waits for more, if several requests are there"),
        ("max-body", int, "bytes of a request's body"),
        ("max-queue", int, "requests that wait"),
        ("max-connections", int, "connections of a process"),
        ("max-pixels", int, "pixels of a picture"),
        ("timeout", float, "seconds for a request to arrive, and for its result"),
    ):
        value = getattr(default, option.replace("-", "_"))
        told = f"{text} (default: {value:.12g})"
        parser.add_argument(f"--{option}", type=kind, default=value, metavar="N", help=told)
    parser.add_argument(
        "--allowed-hosts",
        default="",
        metavar="NAME,NAME",
        help="names in the header Host beside localhost and addresses; * for all",
    )
    parser.add_argument("--api-key-file", metavar="FILE", help="a file with keys, one a line")
    parser.add_argument("--labels", metavar="FILE", help="the classes' words for the page, one a line, or JSON")
    parser.add_argument("--no-access-log", dest="access_log", action="store_false", help="no line for each request")


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(format="fastconv: %(message)s", level=logging.INFO)
    run_server(
        arguments.model,
        arguments.name,
        host=arguments.host,
        port=arguments.port,
        settings=_settings(arguments),
        workers=arguments.workers,
        watch=arguments.watch,
        ready=lambda url: print(f"serving {arguments.model} at {url}", flush=True),
    )


def _settings(arguments: argparse.Namespace) -> Settings:
    same = ("max_batch", "max_wait", "max_body", "max_queue", "max_connections", "max_pixels", "timeout", "access_log")
    return Settings(
        **{name: getattr(arguments, name) for name in same},
        allowed_hosts=tuple(filter(None, arguments.allowed_hosts.split(","))),
        api_keys=_keys(arguments.api_key_file),
        labels=_labels(arguments.labels),
    )


def _labels(file: str | None) -> tuple[str, ...]:
    if file is None:
        return ()
    from ..vision import read_labels

    return tuple(read_labels(file))


def _keys(file: str | None) -> tuple[str, ...]:
    """The keys that clients may have; a file without any is a mistake, not an open door."""
    text = Path(file).read_text() if file else os.environ.get("FASTCONV_API_KEY", "")
    keys = tuple(filter(None, map(str.strip, text.splitlines())))
    if file and not keys:
        raise ValueError(f"{file} holds no key")
    return keys
