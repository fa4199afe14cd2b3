"""What the scripts of ImageNet's networks share: images made up, a forward pass, one step of training."""

import argparse
import time

import numpy as np


def options(description, size):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--size", type=int, default=size, help="height and width of the images (default: %(default)s)")
    parser.add_argument("--images", type=int, default=8, help="images in the batch (default: %(default)s)")
    parser.add_argument("--classes", type=int, default=1000, help="(default: %(default)s)")
    return parser


def random_images(model, images, seed=0):
    """Images and labels for a model, of its own input shape and number of classes."""
    rng = np.random.default_rng(seed)
    x = rng.random((images, *model.input_shape[1:]), dtype=np.float32)
    return x, rng.integers(0, model.output_shape[-1], images)


def forward_and_step(model, images):
    model.summary()
    x, y = random_images(model, images)
    for name, run in (
        ("forward pass", lambda: model.predict_on_batch(x)),
        ("training step", lambda: model.train_on_batch(x, y)),
    ):
        run()  # the first one compiles
        begin = time.perf_counter()
        result = run()
        print(f"{name} of {images} images: {time.perf_counter() - begin:.3f} s")
    loss = result[0] if isinstance(result, (list, tuple)) else result
    print(f"Loss: {loss:.4f}")
