"""How fastconv's ops and TensorFlow's pools share the cores."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context

from ._load import limit_threads

__all__ = ["eager_context", "run_one_op_at_a_time", "take_over_intra_op_setting"]

_FEW_CPUS = 2
_settled = False


def eager_context() -> Any:
    """TensorFlow's context of eager execution."""
    return context.context()


def run_one_op_at_a_time() -> None:
    """On one or two CPUs, set TensorFlow's inter-op pool to one thread, unless its size was chosen or is in use.

    Each op of fastconv's uses all CPUs; another of TensorFlow's threads beside it, which spins while it looks for
    work, takes one of them away. Measured on two CPUs: up to 20 % of a training step.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if "TF_NUM_INTEROP_THREADS" in os.environ or cpus > _FEW_CPUS:
        return
    if eager_context()._initialized or tf.config.threading.get_inter_op_parallelism_threads():
        return
    tf.config.threading.set_inter_op_parallelism_threads(1)


def take_over_intra_op_setting() -> None:
    """Let the ops use no more threads than TensorFlow's own may: its intra-op setting, fixed once it runs."""
    global _settled
    if not _settled:
        chosen = tf.config.threading.get_intra_op_parallelism_threads()
        limit_threads(chosen or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0))
        _settled = eager_context()._initialized
