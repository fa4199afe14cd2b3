"""Pictures as inputs of networks, and what classifiers answer."""

from .classes import Classifier, read_labels
from .fitter import Fitted, Fitter
from .image_input import RANGES, ImageInput, find_image_input
from .mnist import Writing
from .reading import read_picture
from .resize import resize

__all__ = [
    "RANGES",
    "Classifier",
    "Fitted",
    "Fitter",
    "ImageInput",
    "Writing",
    "find_image_input",
    "read_labels",
    "read_picture",
    "resize",
]
