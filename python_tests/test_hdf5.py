"""The HDF5 reader against h5py, and on malformed files."""

import io

import h5py
import numpy as np
import pytest
from mutations import mutated

from fastconv.network.errors import FileError
from fastconv.network.hdf5 import Dataset, Group, open_hdf5

VERSIONS = ["earliest", "v108", "v110", "latest"]
DTYPES = ["<f2", "<f4", "<f8", ">f4", "<i1", "<i2", "<i4", ">i8", "<u1", "<u2", "<u4", "<u8", "?"]


def written(fill, **options) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as root:
        fill(root)
    return file.getvalue()


def same(ours, theirs):
    """The same members, attributes and values, all the way down."""
    assert {name: as_ours(value) for name, value in theirs.attrs.items()} == {
        name: as_ours(value) for name, value in ours.attrs.items()
    }
    if isinstance(theirs, h5py.Dataset):
        assert isinstance(ours, Dataset) and ours.shape == theirs.shape
        if theirs.dtype != object:
            assert ours.dtype == theirs.dtype
        assert as_ours(ours.read()) == as_ours(theirs[()])
        return
    assert isinstance(ours, Group)
    assert list(ours) == list(theirs)
    for name in theirs:
        same(ours[name], theirs[name])


def as_ours(value):
    """A value in a form that compares, whichever reader it is from."""
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
        return as_ours(value.tolist())
    if isinstance(value, list):
        return [as_ours(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.newbyteorder("=").str, value.shape, value.tobytes()
    return value


def everything(root):
    rng = np.random.default_rng(0)
    for dtype in DTYPES:
        root[f"numbers/{dtype}/x"] = rng.integers(0, 2, (2, 3, 1)).astype(dtype)
    root["numbers"].attrs["layer_names"] = ["conv2d", "dense_1", "größe", ""]
    root["numbers"].attrs["weight_names"] = np.array([b"a/kernel:0", b"b"])
    root["numbers"].attrs["model_config"] = '{"class_name": "Sequential"}'
    root["numbers"].attrs["bytes"] = np.bytes_(b"tensorflow")
    root["numbers"].attrs["none"] = h5py.Empty("f4")
    root["numbers"].attrs["matrix"] = np.eye(3)
    root["numbers"].attrs["truth"] = np.array([True, False])
    root["scalar"] = np.float32(2.5)
    root["empty"] = np.zeros((0, 3), np.float32)
    root["null"] = h5py.Empty("f8")
    root["words"] = ["one", "two"]
    root["bfloat16"] = np.array([b"ab", b"cd"], "V2")
    root.create_group("nothing")


def many(root):
    """More links and attributes than a header takes."""
    for index in range(700):
        root[f"deep/a/layer_{index}_with_a_long_name"] = np.float32(index)
        if index < 100:
            root["deep"].attrs[f"attribute {index}"] = index


@pytest.mark.parametrize("track_order", [False, True])
@pytest.mark.parametrize("libver", VERSIONS)
@pytest.mark.parametrize("fill", [everything, many])
def test_reads_what_h5py_reads(fill, libver, track_order):
    def tracked(root):
        fill(root.create_group("inside", track_order=track_order))

    data = written(tracked, libver=libver, track_order=track_order)
    same(open_hdf5(data), h5py.File(io.BytesIO(data)))


@pytest.mark.parametrize("size", [4000, 5000, 60000, 300000])
def test_large_attributes(size):
    def fill(root):
        root.attrs["model_config"] = np.bytes_(b"x" * size)
        for index in range(20):
            root.attrs[f"other {index}"] = np.arange(size // 400)

    data = written(fill, libver="latest")
    same(open_hdf5(data), h5py.File(io.BytesIO(data)))


@pytest.mark.parametrize("links", [9, 60, 3000])
def test_heaps_of_many_blocks(links):
    def fill(root):
        group = root.create_group("a", track_order=True)
        for index in range(links):
            group.create_group(f"{links - index:0200}")

    data = written(fill, libver="latest")
    same(open_hdf5(data), h5py.File(io.BytesIO(data)))


def test_datasets_are_views_and_paths_work():
    data = written(everything)
    root = open_hdf5(data)
    array = root["/numbers/<f4/x"].read()
    assert np.shares_memory(array, np.frombuffer(data, np.uint8)) and not array.flags.writeable
    assert "numbers/<f4/x" in root and "numbers/nobody" not in root and "scalar/x" not in root
    with pytest.raises(KeyError, match="nobody"):
        root["numbers/nobody"]


def chunked(root):
    root.create_dataset("a/x", data=np.zeros((8, 8)), chunks=(4, 4))


def compressed(root):
    root.create_dataset("a/x", data=np.zeros((8, 8)), compression="gzip")


def external(root):
    root.create_dataset("a/x", (8, 8), external=[("/etc/passwd", 0, 512)])


def virtual(root):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "y", (4,))
    root.create_virtual_dataset("a/x", layout)


def compound(root):
    root["a/x"] = np.zeros(3, [("r", "f4"), ("i", "f4")])


def reference(root):
    root["a/x"] = np.array([root.create_group("b").ref], h5py.ref_dtype)


def sequences(root):
    root.create_dataset("a/x", (2,), h5py.vlen_dtype(np.int32))


def committed(root):
    root["type"] = np.dtype("f4")
    root.create_dataset("a/x", data=np.zeros(2, "f4"), dtype=root["type"])


def unwritten(root):
    root.create_dataset("a/x", (1000, 1000), "f4")


def soft(root):
    root["b"] = np.zeros(2)
    root["a/x"] = h5py.SoftLink("/b")


def external_link(root):
    root["a/x"] = h5py.ExternalLink("/etc/passwd", "/b")


def twice(root):
    root["a/y"] = np.zeros(2)
    root["a/x"] = root["a/y"]


def circle(root):
    group = root.create_group("a")
    group["x"] = group


REFUSED = [
    (chunked, "chunked"),
    (compressed, "chunked|compressed"),
    (external, "another file"),
    (virtual, "virtual"),
    (compound, "compound"),
    (reference, "reference"),
    (sequences, "variable length"),
    (committed, "shared"),
    (unwritten, "never written"),
    (soft, "soft link"),
    (external_link, "external link"),
    (twice, "linked as"),
    (circle, "linked as"),
]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize(("fill", "message"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_refuses_what_it_does_not_support(fill, message, libver):
    root = open_hdf5(written(fill, libver=libver), "model.h5")
    root["a"]
    if "y" in root["a"]:
        root["a/y"]
    with pytest.raises(FileError, match=rf"model\.h5: '/a/x'.*({message})"):
        root["a/x"].read()


def walk(node, depth=0):
    assert depth < 80
    node.attrs  # noqa: B018
    if isinstance(node, Dataset):
        if node.dtype.kind == "O" or np.prod(node.shape or (0,)) < 1e6:
            node.read()
        return
    for name in node:
        walk(node[name], depth + 1)


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_malformed_files_end_in_value_errors(libver):
    def fill(root):
        everything(root)
        group = root.create_group("links", track_order=True)
        for index in range(12):
            group[f"{index}"] = index
            group.attrs[f"{index}"] = "text"

    data = written(fill, libver=libver)
    outcomes = {True: 0, False: 0}
    for seed in range(1000):
        try:
            walk(open_hdf5(mutated(data, seed), "file"))
            outcomes[True] += 1
        except FileError as error:
            assert str(error).startswith("file: ")
            outcomes[False] += 1
    assert min(outcomes.values()) > 100
