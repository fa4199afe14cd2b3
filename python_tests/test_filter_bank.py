"""filter_bank: every image with every kernel, as filter2d has them one by one."""

import cv2
import numpy as np
import pytest
from filter_reference import BORDERS, FLOATS, INTEGERS, correlate, photos, random_image
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, "float16"])
def test_equals_filter2d(dtype, border, isa, rng):
    images, kernels = random_image(rng, (3, 30, 45), dtype), rng.uniform(-1, 1, (4, 5, 4))
    maps = fastconv.filter_bank(images, kernels, border=border, value=2)
    assert maps.dtype == ("float64" if dtype in ("int32", "float64") else "float32")
    assert maps.shape == (3, 4, 30, 45)
    assert maps.flags.c_contiguous
    scale = np.abs(images.astype("f8")).max() * np.abs(kernels).sum(axis=(1, 2)).max()
    for image, features in zip(images, maps, strict=True):
        for kernel, feature in zip(kernels, features, strict=True):
            want = fastconv.filter2d(image.astype(maps.dtype), kernel, border=border, value=2)
            np.testing.assert_allclose(feature, want, rtol=0, atol=8 * np.finfo(maps.dtype).eps * scale)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64", "float16"])
def test_many_maps_of_small_images_equal_filter2d(dtype, border, isa, rng):
    for shape, bank in (
        ((5, 12, 9), (8, 3, 4)),
        ((40, 1, 1), (1, 2, 2)),
        ((3, 28, 30), (11, 6, 6)),
        ((4, 20, 31), (8, 9, 7)),
        ((4, 3, 2), (8, 9, 16)),
        ((2, 1, 7), (17, 16, 18)),
    ):
        images, kernels = random_image(rng, shape, dtype), rng.uniform(-1, 1, bank)
        maps = fastconv.filter_bank(images, kernels, border=border, value=2)
        scale = np.abs(images.astype("f8")).max() * np.abs(kernels).sum(axis=(1, 2)).max()
        for image, features in zip(images, maps, strict=True):
            for kernel, feature in zip(kernels, features, strict=True):
                want = fastconv.filter2d(image.astype(maps.dtype), kernel, border=border, value=2)
                np.testing.assert_allclose(feature, want, rtol=0, atol=8 * np.finfo(maps.dtype).eps * scale)


def test_precision_of_convolutions_does_not_matter(rng):
    images, kernels = random_image(rng, (8, 20, 31), "float32"), rng.uniform(-1, 1, (8, 3, 3))
    want = fastconv.filter_bank(images, kernels)
    try:
        fastconv.set_float32_precision("medium")
        np.testing.assert_array_equal(fastconv.filter_bank(images, kernels), want)
    finally:
        fastconv.set_float32_precision("highest")


@pytest.mark.parametrize("count", [1, 40])
def test_nan_stays_within_its_windows(count, isa, rng):
    images, kernels = random_image(rng, (1, 20, 31), "float32"), rng.uniform(0.5, 1, (count, 3, 3))
    images[0, 5, 7] = np.nan
    window = np.zeros((20, 31), bool)
    window[4:7, 6:9] = True
    np.testing.assert_array_equal(np.isnan(fastconv.filter_bank(images, kernels)[0]), [window] * count)


@settings(deadline=None, max_examples=60)
@given(
    images=st.tuples(st.integers(0, 5), st.integers(1, 25), st.integers(1, 40)),
    kernels=st.tuples(st.integers(0, 20), st.integers(1, 8), st.integers(1, 8)),
    border=st.sampled_from(list(BORDERS)),
    seed=st.integers(0, 2**31),
)
def test_any_geometry(images, kernels, border, seed):
    generator = np.random.default_rng(seed)
    stack, bank = generator.integers(-9, 10, images).astype("f8"), generator.integers(-9, 10, kernels)
    maps = fastconv.filter_bank(stack, bank, border=border)
    assert maps.shape == (images[0], kernels[0], *images[1:])
    for image, features in zip(stack, maps, strict=True):
        for kernel, feature in zip(bank, features, strict=True):
            np.testing.assert_array_equal(feature, correlate(image, kernel, border))


def test_gabor_maps_of_a_photo(isa):
    _, photo = photos()
    bank = [cv2.getGaborKernel((17, 17), 3.0, angle, 8.0, 0.7) for angle in np.linspace(0, np.pi, 6, endpoint=False)]
    maps = fastconv.filter_bank(photo, bank)
    assert maps.shape == (6, *photo.shape)
    assert maps.dtype == np.float32
    for kernel, feature in zip(bank, maps, strict=True):
        want = cv2.filter2D(photo, cv2.CV_64F, kernel)
        assert np.linalg.norm(feature - want) <= 3e-6 * np.linalg.norm(want)  # the terms cancel


def test_one_image_and_layouts(rng):
    images, kernels = random_image(rng, (4, 20, 31), "float32"), rng.uniform(-1, 1, (3, 3, 5))
    maps = fastconv.filter_bank(images, kernels)
    np.testing.assert_array_equal(fastconv.filter_bank(images[1], kernels), maps[1])
    for view in (images[::-1], np.asfortranarray(images)[::-1], images[::-1].astype(">f4")):
        np.testing.assert_array_equal(fastconv.filter_bank(view, kernels.tolist()), maps[::-1])
    flipped = fastconv.filter_bank(images, kernels[:, ::-1, ::-1][::2])
    np.testing.assert_array_equal(flipped, fastconv.filter_bank(images, np.array(kernels[:, ::-1, ::-1][::2])))


def test_same_bits_for_any_number_of_threads(isa, rng):
    images, kernels = random_image(rng, (3, 120, 131), "float32"), rng.uniform(-1, 1, (5, 7, 7))
    results = []
    for threads in (1, 2, 5):
        with fastconv.threads(threads):
            results.append(fastconv.filter_bank(images, kernels).tobytes())
    assert len(set(results)) == 1


def test_out(rng):
    images, kernels = random_image(rng, (2, 20, 31), "uint8"), rng.uniform(-1, 1, (3, 3, 5))
    want = fastconv.filter_bank(images, kernels)
    strided = np.empty((2, 3, 20, 62), "f4")[..., ::2]
    for out in (np.empty_like(want), strided):
        assert fastconv.filter_bank(images, kernels, out=out) is out
        np.testing.assert_array_equal(out, want)
    memory = rng.random((2, 20, 31)).astype("f4")
    want = fastconv.filter_bank(memory, kernels[:1])
    fastconv.filter_bank(memory, kernels[:1], out=memory[:, None])
    np.testing.assert_array_equal(memory, want[:, 0])


def test_empty():
    for shape, bank in (((0, 4, 5), (2, 3, 3)), ((2, 0, 5), (2, 3, 3)), ((2, 4, 5), (0, 3, 3)), ((4, 0), (2, 1, 1))):
        got = fastconv.filter_bank(np.ones(shape), np.ones(bank))
        assert got.shape == (*shape[:-2], bank[0], *shape[-2:])


@pytest.mark.parametrize(
    ("images", "kernels", "words", "error", "message"),
    [
        (np.ones(3), np.ones((1, 2, 2)), {}, ValueError, r"`images` must have shape \(h, w\) or \(n, h, w\)"),
        (np.ones((1, 2, 3, 4)), np.ones((1, 2, 2)), {}, ValueError, "`images` must have shape"),
        (np.ones((3, 3), bool), np.ones((1, 2, 2)), {}, TypeError, "`images` must be uint8"),
        (np.ones((3, 3)), np.ones((2, 2)), {}, ValueError, r"`kernels` must have shape \(k, kh, kw\)"),
        (np.ones((3, 3)), [[[1]], [[1, 2]]], {}, ValueError, "`kernels` must"),
        (np.ones((3, 3)), np.ones((1, 0, 2)), {}, ValueError, "`kernels` must"),
        (np.ones((3, 3)), np.ones((1, 2, 2), complex), {}, TypeError, "`kernels` must hold real numbers"),
        (np.ones((3, 3)), np.ones((1, 2, 2)), {"border": "same"}, ValueError, "`border` must be one of"),
        (
            np.ones((3, 3)),
            np.ones((1, 2, 2)),
            {"out": np.ones((3, 3))},
            ValueError,
            r"`out` must have shape \(1, 3, 3\)",
        ),
        (
            np.ones((3, 3), "u1"),
            np.ones((1, 2, 2)),
            {"border": "constant", "value": 300},
            ValueError,
            "`value` must fit",
        ),
        (np.ones((0, 3, 3)), np.ones((1, 2, 2)), {"border": "same"}, ValueError, "`border` must be one of"),
        (np.ones((0, 3, 3)), np.ones((1, 0, 2)), {}, ValueError, "`kernels` must"),
    ],
)
def test_errors(images, kernels, words, error, message):
    with pytest.raises(error, match=message):
        fastconv.filter_bank(images, kernels, **words)
