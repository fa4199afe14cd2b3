"""The messages of ONNX that networks are read from, as tables for `protobuf.decode`.

Source: ``onnx/onnx.proto`` of github.com/onnx/onnx. Fields that nothing here reads are left out.
"""

from __future__ import annotations

from ..protobuf import Field

__all__ = ["SCHEMA"]


def _fields(text: str) -> dict[int, Field]:
    """Fields from lines of number, name and kind; a kind that ends in * is repeated.

    Examples
    --------
    >>> _fields("1 name str; 5 attribute AttributeProto*")[5]
    Field(name='attribute', kind='AttributeProto', repeated=True)
    """
    rows = (part.split() for part in text.replace("\n", ";").split(";") if part.strip())
    return {int(number): Field(name, kind.rstrip("*"), kind.endswith("*")) for number, name, kind in rows}


SCHEMA = {
    "ModelProto": _fields("""
        1 ir_version int; 7 graph GraphProto; 8 opset_import OperatorSetIdProto*; 25 functions FunctionProto*"""),
    "OperatorSetIdProto": _fields("1 domain str; 2 version int"),
    "FunctionProto": _fields("1 name str; 10 domain str"),
    "GraphProto": _fields("""
        1 node NodeProto*; 2 name str; 5 initializer TensorProto*; 11 input ValueInfoProto*; 12 output ValueInfoProto*
        15 sparse_initializer SparseTensorProto*"""),
    "SparseTensorProto": {},
    "NodeProto": _fields("""
        1 input str*; 2 output str*; 3 name str; 4 op_type str; 5 attribute AttributeProto*; 7 domain str"""),
    "AttributeProto": _fields("""
        1 name str; 2 f float; 3 i int; 4 s bytes; 5 t TensorProto; 6 g GraphProto; 7 floats float*; 8 ints int*
        9 strings bytes*; 20 type int; 21 ref_attr_name str"""),
    "TensorProto": _fields("""
        1 dims int*; 2 data_type int; 3 segment Segment; 4 float_data float*; 5 int32_data int*; 7 int64_data int*
        8 name str; 9 raw_data bytes; 10 double_data double*; 11 uint64_data int*
        13 external_data StringStringEntryProto*; 14 data_location int"""),
    "Segment": {},
    "StringStringEntryProto": _fields("1 key str; 2 value str"),
    "ValueInfoProto": _fields("1 name str; 2 type TypeProto"),
    "TypeProto": _fields("1 tensor_type TensorType"),
    "TensorType": _fields("1 elem_type int; 2 shape TensorShapeProto"),
    "TensorShapeProto": _fields("1 dim Dimension*"),
    "Dimension": _fields("1 dim_value int; 2 dim_param str"),
}
