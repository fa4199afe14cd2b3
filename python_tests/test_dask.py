"""Filters of dask arrays against those of NumPy arrays, for drawn chunks."""

import pickle
import threading

import numpy as np
import pytest
from filter_reference import BORDERS, random_image
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv

da = pytest.importorskip("dask.array")
import dask  # noqa: E402

import fastconv.dask  # noqa: E402

KERNEL = np.array([[1, 2, 0, 1], [-3, 1, 1, 0], [0, -2, 4, 1]])
FILTERS = {
    "filter2d": (KERNEL,),
    "sep_filter2d": ([1, 2, 1], [1, 0, 3, -1]),
    "gaussian_blur": ((1.5, 0.7),),
    "gaussian_laplace": (1.0,),
    "unsharp_mask": (1.0, 0.5, 0.1),
    "box_blur": ((4, 3),),
    "sobel": (),
    "scharr": (0,),
    "prewitt": (1,),
    "laplacian": (),
    "sharpen": (0.5,),
}


@st.composite
def chunked(draw, dtype="float64", channels=False):
    """A NumPy array and the same as a dask array of drawn chunks."""
    shape = [draw(st.integers(1, 25)) for _ in range(2)] + [3] * channels
    image = random_image(np.random.default_rng(draw(st.integers(0, 2**31))), shape, dtype)
    chunks = []
    for size in shape:
        cuts = sorted(draw(st.sets(st.integers(1, size - 1), max_size=4))) if size > 1 else []
        chunks.append(tuple(np.diff([0, *cuts, size]).tolist()))
    return image, da.from_array(image, chunks=tuple(chunks))


@pytest.mark.parametrize("name", FILTERS)
@settings(deadline=None, max_examples=12)
@given(data=st.data(), border=st.sampled_from(list(BORDERS)))
def test_any_chunks(name, border, data):
    image, lazy = data.draw(chunked(channels=data.draw(st.booleans())))
    words = {"border": border, "value": 0.5}
    want = getattr(fastconv, name)(image, *FILTERS[name], **words)
    got = getattr(fastconv.dask, name)(lazy, *FILTERS[name], **words)
    assert isinstance(got, da.Array)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(got.compute(scheduler="threads", num_workers=2), want, atol=1e-12)


@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
@settings(deadline=None, max_examples=25)
@given(
    data=st.data(), mode=st.sampled_from(["full", "same", "valid"]), boundary=st.sampled_from(["fill", "wrap", "symm"])
)
def test_convolutions_of_any_chunks(name, mode, boundary, data):
    image, lazy = data.draw(chunked())
    shape = [data.draw(st.integers(1, min(size, 6))) for size in image.shape]
    kernel = np.random.default_rng(1).random(shape)
    want = getattr(fastconv, name)(image, kernel, mode, boundary, 0.5)
    got = getattr(fastconv.dask, name)(lazy, kernel, mode, boundary, 0.5)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(got.compute(scheduler="threads", num_workers=2), want, atol=1e-12)


def test_other_dtypes_and_axes(rng):
    image = random_image(rng, (4, 40, 50), "uint8")
    lazy = da.from_array(image, chunks=(1, 13, 17))
    got = fastconv.dask.gaussian_blur(lazy, 1.5, axes=(1, 2))
    want = fastconv.gaussian_blur(image, 1.5, axes=(1, 2))
    assert got.dtype == np.uint8
    assert np.abs(got.compute().astype(int) - want).max() <= 1
    np.testing.assert_array_equal(fastconv.dask.sobel(lazy, 0, axes=(1, 2)), fastconv.sobel(image, 0, axes=(1, 2)))
    np.testing.assert_array_equal(fastconv.dask.filter2d(image[0], KERNEL), fastconv.filter2d(image[0], KERNEL))


def test_nothing_is_computed_before_and_each_block_on_one_thread():
    seen = []

    def block(_, block_id=None):
        seen.append(threading.get_ident())
        return np.ones((20, 20))

    lazy = da.map_blocks(block, chunks=((20, 20), (20, 20)), dtype="f8", name="drawn", meta=np.empty((0, 0)), _=0)
    blurred = fastconv.dask.gaussian_blur(lazy, 1.0)
    assert seen == []
    np.testing.assert_allclose(blurred.compute(scheduler="threads", num_workers=2), 1)
    assert len(seen) == 4
    calls = []

    def count(image, *args, **words):
        calls.append(fastconv.get_num_threads())
        return image

    original, fastconv.image.sharpen = fastconv.image.sharpen, count
    try:
        fastconv.dask.sharpen(da.ones((40, 40), chunks=20)).compute()
    finally:
        fastconv.image.sharpen = original
    assert set(calls) == {1}


def test_files_in_and_out(tmp_path, rng):
    image = np.memmap(tmp_path / "in", np.uint8, "w+", shape=(300, 400))
    image[...] = rng.integers(0, 256, image.shape)
    out = np.memmap(tmp_path / "out", np.uint8, "w+", shape=image.shape)
    with fastconv.dask.progress("blur"), dask.config.set(scheduler="threads"):
        da.store(fastconv.dask.box_blur(da.from_array(image, chunks=64), 3), out)
    np.testing.assert_array_equal(out, fastconv.box_blur(np.array(image), 3))
    out[...] = 0
    assert fastconv.dask.store(fastconv.dask.box_blur(da.from_array(image, chunks=64), 3), out, progress=True) is out
    np.testing.assert_array_equal(out, fastconv.box_blur(np.array(image), 3))
    with pytest.raises(ValueError, match="`out` must have shape"):
        fastconv.dask.store(da.ones((3, 4)), out)


def test_files_are_read_block_by_block(tmp_path, rng):
    image = rng.integers(0, 256, (300, 400), np.uint8)
    np.save(tmp_path / "image.npy", image)
    (tmp_path / "image.raw").write_bytes(b"head" + image.tobytes())
    for opened in (
        fastconv.dask.open_file(tmp_path / "image.npy", chunks=128),
        fastconv.dask.open_file(tmp_path / "image.raw", "u1", image.shape, offset=4, chunks=128),
    ):
        assert opened.numblocks == (3, 4)
        assert len(pickle.dumps(opened)) < image.nbytes / 10  # no cells lie in the graph
        np.testing.assert_array_equal(fastconv.dask.box_blur(opened, 3), fastconv.box_blur(image, 3))
    with pytest.raises(ValueError, match="go together"):
        fastconv.dask.open_file(tmp_path / "image.raw", "u1")


def test_two_distributed_workers(tmp_path, rng):
    distributed = pytest.importorskip("distributed")
    image = rng.integers(0, 256, (300, 400), np.uint8)
    np.save(tmp_path / "image.npy", image)
    lazy = fastconv.dask.open_file(tmp_path / "image.npy", chunks=(100, 130))
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
        for name, args in FILTERS.items():
            got = getattr(fastconv.dask, name)(lazy, *args).compute()
            want = getattr(fastconv, name)(image, *args)
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-3)
        blurred = fastconv.dask.gaussian_blur(lazy, 1.5).persist()
        distributed.wait(blurred)
        assert len({worker for workers in client.who_has(blurred).values() for worker in workers}) == 2


def test_zarr_in_and_out(tmp_path, rng):
    zarr = pytest.importorskip("zarr")
    image = rng.integers(0, 256, (300, 400), np.uint8)
    source, out = (
        zarr.create_array(tmp_path / name, shape=image.shape, chunks=(64, 64), dtype="u1") for name in ("in", "out")
    )
    source[...] = image
    blurred = fastconv.dask.gaussian_blur(da.from_zarr(source), 1.5)
    fastconv.dask.store(blurred.rechunk(out.chunks), out)
    np.testing.assert_array_equal(out[...], fastconv.gaussian_blur(image, 1.5))


@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_tiff_in_and_out(tile, tmp_path, rng):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("zarr")  # tifffile shows a file as one
    image = rng.integers(0, 256, (320, 384), np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", image, tile=tile)
    with tifffile.TiffFile(tmp_path / "in.tif") as file:
        pixels = file.aszarr(level=0)
        lazy = da.from_zarr(pixels, chunks=(64, 384))
        out = tifffile.memmap(tmp_path / "out.tif", shape=image.shape, dtype=image.dtype)
        fastconv.dask.store(fastconv.dask.box_blur(lazy, 5), out)
        pixels.close()
    del out
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), fastconv.box_blur(image, 5))


def test_no_more_blocks_are_held_than_are_worked_on():
    held, most = 0, 0

    class Out:
        shape = (64, 640)

        def __setitem__(self, region, block):
            nonlocal held
            held -= 1

    def made(block):
        nonlocal held, most
        held += 1
        most = max(most, held)
        return block

    blocks = fastconv.dask.sharpen(da.ones((64, 640), chunks=(64, 16))).map_blocks(made, meta=np.empty((0, 0)))
    fastconv.dask.store(blocks, Out(), num_workers=2)
    assert (held, most <= 8) == (0, True)


def test_refusals_come_at_once():
    lazy = da.ones((20, 20), chunks=10)
    with pytest.raises(ValueError, match="`border` must be one of"):
        fastconv.dask.box_blur(lazy, 3, border="no")
    with pytest.raises(ValueError, match="`kernel` must be one of shape"):
        fastconv.dask.filter2d(da.ones((20, 20, 3)), np.ones((3, 3, 3)))
    with pytest.raises(ValueError, match="`in2` must be no larger than `in1`"):
        fastconv.dask.convolve2d(lazy, np.ones((30, 3)))
    with pytest.raises(ValueError, match="`in1` and `in2` must have 2 dimensions"):
        fastconv.dask.convolve2d(lazy, np.ones(3))


def test_what_dask_arrays_do_not_take_is_named(tmp_path):
    image = da.ones((20, 20), chunks=10)
    for words in ({"mask": np.zeros((20, 20), bool)}, {"out": np.ones((20, 20))}):
        with pytest.raises(TypeError, match=f"`{next(iter(words))}` is not taken"):
            fastconv.dask.gaussian_blur(image, 1.0, **words)
    np.save(tmp_path / "image.npy", np.ones((4, 5)))
    with pytest.raises(ValueError, match="plain numbers"):
        fastconv.dask.open_file(tmp_path / "image.npy", np.uint8, (4, 5))


def test_raw_mistakes_are_named():
    unknown = da.ones((20, 20), chunks=10)[da.ones(20, chunks=10) > 0]
    for call in (
        lambda: fastconv.dask.gaussian_blur(unknown, 1.0),
        lambda: fastconv.dask.filter2d(unknown, np.ones((3, 3))),
        lambda: fastconv.dask.convolve2d(unknown, np.ones((3, 3))),
        lambda: fastconv.dask.store(unknown, np.ones((20, 20))),
    ):
        with pytest.raises(ValueError, match="must have known chunks"):
            call()
    image, kernel = da.ones((20, 20), chunks=10).astype("u1"), np.ones((3, 3), np.uint8)
    with pytest.raises(ValueError, match="`fillvalue` must fit dtype uint8"):
        fastconv.dask.convolve2d(image, kernel, fillvalue=300)
    with pytest.raises(TypeError, match="`fillvalue` must be a number"):
        fastconv.dask.convolve2d(image, kernel, fillvalue="1")
    with pytest.raises(TypeError, match="`array` must be a dask array"):
        fastconv.dask.store(np.ones((3, 3)), np.ones((3, 3)))
