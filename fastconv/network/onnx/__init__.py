"""ONNX files: protobuf messages, tensors, and the mapping of ONNX's operators to those of networks."""

from .reader import read_onnx

__all__ = ["read_onnx"]
