"""The test cases that the onnx package brings: of single nodes, of PyTorch's operators and layers, of small graphs."""

import numpy as np
import onnx
import pytest
from onnx_cases import DATA, as_array, is_served, node_cases, tensor_file, with_constants

from fastconv.network import UnsupportedError, from_onnx

CASES = {case.name: case for case in node_cases()}
SERVED = [name for name, case in CASES.items() if is_served(case)]
FOLDERS = sorted(
    path.parent
    for kind in ("pytorch-operator", "pytorch-converted", "simple")
    for path in (DATA / kind).glob("*/model.onnx")
)
OTHER_FOLDERS = ("Conv3d", "Pool3d", "sequence_model", "strnorm", "gradient_of")


def results(model, inputs: list) -> list:
    net = from_onnx(model)
    outputs = net(*inputs) if inputs else net({})
    return outputs if isinstance(outputs, list) else [outputs]


def run(model, inputs: list) -> list:
    """The outputs for these inputs; those that a network must know beforehand are made constants."""
    try:
        return results(model, inputs)
    except ValueError as error:
        if "constant" not in str(error):
            raise
    return results(*with_constants(model, inputs))


def check(ours: list, theirs: list, rtol: float, atol: float) -> None:
    for y, expected in zip(ours, theirs, strict=True):
        assert (y.dtype, y.shape) == (expected.dtype, expected.shape)
        if y.dtype == np.float16:  # within two roundings
            rtol, atol = 2e-3, 2e-6
        np.testing.assert_allclose(y, expected, rtol=rtol, atol=atol)


def test_how_many_cases_are_served():
    assert len(SERVED) >= 1140
    assert sum(not name.endswith("_expanded") and "_expanded_" not in name for name in SERVED) >= 780


@pytest.mark.parametrize("name", SERVED)
def test_node(name):
    case = CASES[name]
    for inputs, outputs in case.data_sets:
        check(run(case.model, list(map(as_array, inputs))), list(map(as_array, outputs)), case.rtol, case.atol)


def test_other_nodes_are_refused_by_name():
    for name in CASES.keys() - set(SERVED):
        with pytest.raises(UnsupportedError, match="model: not supported: "):
            from_onnx(CASES[name].model)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_model_of_a_folder(folder):
    model = onnx.load(folder / "model.onnx")
    if any(part in folder.name for part in OTHER_FOLDERS):
        with pytest.raises(UnsupportedError, match=r"spatial axes|Sequence|string|Gradient"):
            from_onnx(model)
        return
    inputs = [tensor_file(path) for path in sorted(folder.glob("test_data_set_0/input_*.pb"))]
    outputs = [tensor_file(path) for path in sorted(folder.glob("test_data_set_0/output_*.pb"))]
    check(run(model, inputs), outputs, 1e-3, 1e-6)
