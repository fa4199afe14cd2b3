"""Classic 3x3 filters on a photo, with fastconv.filter2d on all colours at once; one picture to look at."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cbook
from PIL import Image, ImageOps, UnidentifiedImageError

import fastconv

SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32)
BLUR = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 16
SOBEL_X = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)
SOBEL_Y = SOBEL_X.T.copy()
LAPLACIAN = np.array([[1, 1, 1], [1, -8, 1], [1, 1, 1]], np.float32)
EMBOSS = np.array([[2, 1, 0], [1, 0, -1], [0, -1, -2]], np.float32)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BLUR_PASSES = 12

# The worked example of a convolution: a dark square in a light frame, and a kernel that sees it from the corner.
WORKED_IMAGE = np.full((5, 5), 10)
WORKED_IMAGE[1:4, 1:4] = 5
WORKED_KERNEL = np.array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]])


def worked_example() -> np.ndarray:
    """The 3x3 result of the worked example; its first value is 10+10+10-5-5-5 = 15, the kernel being flipped."""
    return fastconv.convolve2d(WORKED_IMAGE, WORKED_KERNEL, mode="valid")


def read_photo(path: Path, longest_side: int) -> np.ndarray:
    """A picture of any mode Pillow reads as float32 (h, w, 3) in 0..1, upright, no side longer than `longest_side`."""
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        values = np.nan_to_num(np.asarray(image).astype(np.float64))
        low, high = 0.0, 1.0 if image.mode == "F" else 65535.0
        if values.min() < low or values.max() > high:  # no range to go by: stretch
            low, high = values.min(), values.max()
        image = Image.fromarray(np.uint8((values - low) / (high - low) * 255 + 0.5))
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    image.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32) / 255


def each_channel(photo: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """photo (h, w, c) convolved channel by channel, as large as before, mirrored at its borders."""
    return fastconv.filter2d(photo, kernel[::-1, ::-1], border="reflect")


def blur(photo: np.ndarray, passes: int) -> np.ndarray:
    for _ in range(passes):
        photo = each_channel(photo, BLUR)
    return photo


def grey(photo: np.ndarray) -> np.ndarray:
    return photo @ LUMA[:, None]


def sobel(photo: np.ndarray) -> np.ndarray:
    return np.hypot(each_channel(photo, SOBEL_X), each_channel(photo, SOBEL_Y))


PANELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the photo": lambda photo: photo,
    "sharpen": lambda photo: each_channel(photo, SHARPEN),
    f"blur, {BLUR_PASSES} times": lambda photo: blur(photo, BLUR_PASSES),
    "Sobel x: vertical edges": lambda photo: 0.5 + each_channel(photo, SOBEL_X) / 2,
    "Sobel y: horizontal edges": lambda photo: 0.5 + each_channel(photo, SOBEL_Y) / 2,
    "Sobel magnitude": sobel,
    "Laplacian": lambda photo: np.abs(each_channel(photo, LAPLACIAN)),
    "emboss": lambda photo: 0.5 + each_channel(grey(photo), EMBOSS).repeat(3, axis=2) / 2,
    "pencil: blur, then Sobel, on paper": lambda photo: 1 - sobel(grey(blur(photo, 1))).repeat(3, axis=2),
}


def contact_sheet(pictures: dict[str, np.ndarray], path: Path) -> None:
    """Write the pictures with their titles, three a row."""
    h, w, _ = next(iter(pictures.values())).shape
    width, rows = 15, -(-len(pictures) // 3)
    panel = (width - 0.6) / 3
    figure, grid = plt.subplots(rows, 3, figsize=(width, rows * (panel * h / w + 0.36)), layout="constrained")
    for axes in grid.ravel():
        axes.axis("off")
    for axes, (title, picture) in zip(grid.ravel(), pictures.items(), strict=False):
        axes.imshow(np.clip(picture, 0, 1))
        axes.set_title(title, fontsize=13, loc="left")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path, nargs="?", help="default: a portrait Matplotlib ships")
    parser.add_argument("--output", type=Path, default=Path("edges.png"), help="picture to write (%(default)s)")
    parser.add_argument("--size", type=int, default=1000, help="shrink the photo to this longest side (%(default)s)")
    options = parser.parse_args(arguments)
    if options.size < 1:
        parser.error("--size must be at least 1")
    if not options.output.resolve().parent.is_dir():
        parser.error(f"the folder of {options.output} does not exist")
    source = options.photo or Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    try:
        photo = read_photo(source, options.size)
    except FileNotFoundError:
        parser.error(f"{source} does not exist")
    except UnidentifiedImageError:
        parser.error(f"{source} is not a picture Pillow can read")
    except (OSError, Image.DecompressionBombError) as error:
        parser.error(f"{source} cannot be read: {error}")

    print(f"The worked example, mode 'valid':\n{WORKED_IMAGE}\nconvolved with\n{WORKED_KERNEL}\ngives")
    print(f"{worked_example()}\n")
    begin = time.perf_counter()
    pictures = {title: make(photo) for title, make in PANELS.items()}
    seconds = time.perf_counter() - begin
    contact_sheet(pictures, options.output)
    height, width, _ = photo.shape
    print(f"{width} x {height} pixels, {len(pictures) - 1} filters in {seconds * 1e3:.0f} ms: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
