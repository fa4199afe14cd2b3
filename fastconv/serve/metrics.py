"""What the server counts, in Prometheus' format."""

from __future__ import annotations

import os
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics"]

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counters of one service. With several processes prometheus_client sums them up."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter("fastconv_requests", "Requests answered.", ("endpoint", "code"), registry=registry)
        self._seconds = Histogram(
            "fastconv_request_seconds", "Time of a request.", ("endpoint",), buckets=_SECONDS, registry=registry
        )
        self._rows = Histogram("fastconv_batch_rows", "Rows of a batch.", buckets=_ROWS, registry=registry)
        self._compute = Histogram(
            "fastconv_batch_seconds", "Time of a batch's computation.", buckets=_SECONDS, registry=registry
        )
        self._queue = Gauge(
            "fastconv_waiting_requests", "Requests that wait.", registry=registry, multiprocess_mode="livesum"
        )
        self._loads = Counter("fastconv_model_loads", "Files of the model read.", ("result",), registry=registry)
        self._version = Gauge(
            "fastconv_model_version", "Version that is served.", registry=registry, multiprocess_mode="livemax"
        )
        self._children: dict[tuple[str, int], tuple[Any, ...]] = {}

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request that has been answered."""
        found = self._children.get((endpoint, status))
        if found is None:
            found = self._requests.labels(endpoint, str(status)), self._seconds.labels(endpoint)
            self._children[endpoint, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def batch(self, rows: int, seconds: float, waiting: int) -> None:
        """Count a batch that has been computed, and requests that wait after it."""
        self._queue.set(waiting)
        self._rows.observe(rows)
        self._compute.observe(seconds)

    def loaded(self, version: int) -> None:
        """Count a model that has been loaded."""
        self._loads.labels("success").inc()
        self._version.set(version)

    def load_failed(self) -> None:
        """Count a file that could not be loaded."""
        self._loads.labels("failure").inc()

    def text(self) -> tuple[bytes, str]:
        """All metrics and their content type."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            from prometheus_client.multiprocess import MultiProcessCollector

            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return prometheus_client.generate_latest(registry), prometheus_client.CONTENT_TYPE_LATEST
