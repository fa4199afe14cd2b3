"""A gallery of fastconv's filters on a photo, and the time of each library against the size of the kernel."""

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
from edges import contact_sheet, read_photo
from matplotlib import cbook

import fastconv

KERNEL_SIZES = (3, 5, 7, 11, 15, 21, 31, 45, 63)
ROUNDS = 5
SLOW = 1.0  # seconds from which a library is not asked for a larger kernel
REST = 0.05  # seconds for the threads of one library to sleep before the next is timed


def unit(values: np.ndarray) -> np.ndarray:
    """Values about 0 as grey levels about one half."""
    return 0.5 + values / (2 * np.abs(values).max(initial=1e-9))


def holes(photo: np.ndarray) -> np.ndarray:
    """The photo with 80 % of its pixels gone."""
    gone = np.random.default_rng(0).random(photo.shape[:2]) < 0.8
    return np.where(gone[..., None], np.float32(np.nan), photo)


def found(photo: np.ndarray) -> np.ndarray:
    """How well the middle of the photo fits everywhere."""
    h, w, _ = photo.shape
    template = photo[h // 2 - h // 16 : h // 2 + h // 16, w // 2 - w // 16 : w // 2 + w // 16]
    fit = fastconv.match_template(photo, template)
    level = np.zeros((h, w, 1), np.float32)
    level[h // 16 : h // 16 + fit.shape[0], w // 16 : w // 16 + fit.shape[1], 0] = fit
    return level.repeat(3, axis=2)


PANELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the photo": lambda photo: photo,
    "Gaussian, sigma 4": lambda photo: fastconv.gaussian_blur(photo, 4.0),
    "box, 15 x 15": lambda photo: fastconv.box_blur(photo, 15),
    "unsharp mask": lambda photo: fastconv.unsharp_mask(photo, 2.0, 1.5),
    "Scharr magnitude": lambda photo: fastconv.scharr(photo) / 16,
    "slope of the Gaussian, downwards": lambda photo: unit(fastconv.gaussian_blur(photo, 2.0, order=(1, 0))),
    "Laplacian of the Gaussian": lambda photo: unit(fastconv.gaussian_laplace(photo, 2.0)),
    "80 % of the pixels gone": lambda photo: np.nan_to_num(holes(photo)),
    "filled, by those there are": lambda photo: fastconv.gaussian_blur(holes(photo), 1.5, nan="ignore"),
    "Sobel 7 x 7, to the right": lambda photo: unit(fastconv.sobel(photo, 1, ksize=7)),
    "motion, a line of 41": lambda photo: fastconv.correlate1d(photo, np.full(41, 1 / 41), axis=1),
    "the middle, found again": found,
}


def libraries() -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """What convolves an image with a kernel, by the name of the library, as far as it is installed."""
    functions = {"fastconv": lambda image, kernel: fastconv.filter2d(image, kernel)}
    try:
        import cv2
    except ImportError:
        pass
    else:
        functions["OpenCV filter2D"] = lambda image, kernel: cv2.filter2D(image, -1, kernel)
    try:
        from scipy import ndimage, signal
    except ImportError:
        pass
    else:
        functions["SciPy ndimage.correlate"] = lambda image, kernel: ndimage.correlate(image, kernel, mode="mirror")
        functions["SciPy oaconvolve"] = lambda image, kernel: signal.oaconvolve(image, kernel[::-1, ::-1], "same")
    return functions


def measure(image: np.ndarray) -> dict[str, dict[int, float]]:
    """Least seconds, by library and size of a random kernel; libraries take turns."""
    rng, times = np.random.default_rng(0), {name: {} for name in libraries()}
    for size in KERNEL_SIZES:
        kernel = rng.standard_normal((size, size)).astype(np.float32)
        runs = {name: [] for name, known in times.items() if max(known.values(), default=0) < SLOW}
        for _ in range(ROUNDS):
            for name in runs:
                time.sleep(REST)
                begin = time.perf_counter()
                libraries()[name](image, kernel)
                runs[name].append(time.perf_counter() - begin)
        for name, seconds in runs.items():
            times[name][size] = min(seconds)
    return times


def draw_times(times: dict[str, dict[int, float]], shape: tuple[int, int], path: Path) -> None:
    """One line a library, both axes logarithmic."""
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for name, known in times.items():
        own = name == "fastconv"
        axes.plot(known.keys(), [s * 1e3 for s in known.values()], "o-", label=name, linewidth=3 if own else 1.5)
    axes.set(xscale="log", yscale="log", xlabel="rows and columns of the kernel", ylabel="ms")
    axes.set_title(
        f"a random kernel on {shape[1]} x {shape[0]} float32, {fastconv.get_num_threads()} threads", loc="left"
    )
    axes.set_xticks(KERNEL_SIZES, [str(size) for size in KERNEL_SIZES], minor=False)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path, nargs="?", help="default: a portrait Matplotlib ships")
    parser.add_argument("--output", type=Path, default=Path("filters.png"), help="gallery to write (%(default)s)")
    parser.add_argument("--times", type=Path, default=Path("filter_times.png"), help="times to draw (%(default)s)")
    parser.add_argument("--size", type=int, default=800, help="shrink the photo to this longest side (%(default)s)")
    options = parser.parse_args(arguments)
    if options.size < 64:
        parser.error("--size must be at least 64")
    source = options.photo or Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    try:
        photo = read_photo(source, options.size)
    except OSError as error:
        parser.error(f"{source} cannot be read: {error}")

    contact_sheet({title: make(photo) for title, make in PANELS.items()}, options.output)
    grey = np.ascontiguousarray(photo.mean(axis=2))
    draw_times(measure(grey), grey.shape, options.times)
    print(f"{len(PANELS)} pictures: {options.output}; times: {options.times}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
