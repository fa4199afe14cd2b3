"""Borders by the words and numbers of other libraries, against what those libraries put there."""

import cv2
import numpy as np
import pytest
from scipy import ndimage, signal

import fastconv

KERNEL = np.array([[1.0, 2, 0, -3, 1], [0, 0, 1, 2, 5], [3, 1, -2, 0, 1]])
NUMPY = {"edge": "nearest", "symmetric": "reflect", "wrap": "wrap", "constant": "constant"}
NDIMAGE = ("reflect", "grid-mirror", "constant", "grid-constant", "nearest", "mirror", "grid-wrap", "wrap")


@pytest.mark.parametrize("mode", NDIMAGE)
def test_words_of_ndimage(mode, rng):
    image = rng.random((9, 11))
    want = ndimage.correlate(image, KERNEL, mode=mode, cval=0.25)
    np.testing.assert_allclose(fastconv.filter2d(image, KERNEL, border=mode, value=0.25), want, rtol=1e-13)


@pytest.mark.parametrize("mode", NUMPY)
def test_words_of_numpy(mode, rng):
    image = rng.random((9, 11))
    want = signal.correlate(np.pad(image, ((1, 1), (2, 2)), mode), KERNEL, "valid", "direct")
    np.testing.assert_allclose(fastconv.filter2d(image, KERNEL, border=mode), want, rtol=1e-13)


@pytest.mark.parametrize("name", ["CONSTANT", "REPLICATE", "REFLECT", "WRAP", "REFLECT_101", "REFLECT101", "DEFAULT"])
def test_numbers_and_names_of_opencv(name, rng):
    image, number = rng.random((9, 11)), getattr(cv2, f"BORDER_{name}")
    want = cv2.copyMakeBorder(image, 1, 1, 2, 2, number, value=0)
    want = signal.correlate(want, KERNEL, "valid", "direct")
    for border in (number, np.int32(number), number | cv2.BORDER_ISOLATED, f"BORDER_{name}", f"cv2.BORDER_{name}"):
        np.testing.assert_allclose(fastconv.filter2d(image, KERNEL, border=border), want, rtol=1e-13)


def test_every_filter_knows_them(rng):
    image = rng.random((9, 11))
    for function, arguments in (
        (fastconv.gaussian_blur, (2.0,)),
        (fastconv.box_blur, (5,)),
        (fastconv.sobel, ()),
        (fastconv.laplacian, ()),
        (fastconv.sharpen, ()),
        (fastconv.unsharp_mask, (2.0,)),
        (fastconv.filter_bank, (KERNEL[None],)),
    ):
        want = function(image, *arguments, border="nearest")
        for border in ("edge", "replicate", cv2.BORDER_REPLICATE):
            np.testing.assert_array_equal(function(image, *arguments, border=border), want)


@pytest.mark.parametrize(
    ("word", "synonyms"),
    [
        ("fill", ("pad", "constant", "zeros")),
        ("wrap", ("circular", "periodic", "grid-wrap")),
        ("symm", ("symmetric", "reflect", "grid-mirror", cv2.BORDER_REFLECT)),
    ],
)
def test_boundaries_of_convolve2d(word, synonyms, rng):
    image = rng.random((9, 11))
    want = fastconv.convolve2d(image, KERNEL, "same", word)
    for boundary in synonyms:
        np.testing.assert_array_equal(fastconv.convolve2d(image, KERNEL, "same", boundary), want)
        assert fastconv.plan_convolve2d((9, 11), KERNEL, "same", boundary)


@pytest.mark.parametrize(
    ("border", "meant"),
    [
        ("reflct", "reflect"),
        ("mirorr", "reflect101"),
        ("replicated", "nearest"),
        ("symetric", "reflect"),
        ("zeroes", "constant"),
        ("Edges", "nearest"),
    ],
)
def test_an_unknown_word_is_answered_with_the_one_that_is_meant(border, meant):
    with pytest.raises(ValueError, match=f"`border` must be one of .*; received '{border}'; did you mean '{meant}'"):
        fastconv.filter2d(np.ones((3, 3)), KERNEL, border=border)


def test_what_convolve2d_has_no_boundary_for_is_refused():
    with pytest.raises(ValueError, match=r"`boundary` must be one of 'fill', 'wrap', 'symm'; received 'mirror'"):
        fastconv.convolve2d(np.ones((3, 3)), KERNEL, "same", "mirror")
    with pytest.raises(ValueError, match="did you mean 'symm'"):
        fastconv.convolve2d(np.ones((3, 3)), KERNEL, "same", "simmetric")
