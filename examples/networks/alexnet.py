"""AlexNet on 227x227 images with random weights: a forward pass and a training step.

With --groups 2 the second, fourth and fifth convolution see half of the channels each, as on the two GPUs of 2012. The
local response normalisation of the paper is left out, as in most later versions.
"""

import keras
from imagenet import forward_and_step, options
from keras import layers

BATCH_SIZE, SIZE = 8, 227


def build(size=SIZE, classes=1000, groups=1, dropout=0.5):
    model = keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Conv2D(96, 11, strides=4, activation="relu"),
            layers.MaxPooling2D(3, strides=2),
            layers.Conv2D(256, 5, padding="same", groups=groups, activation="relu"),
            layers.MaxPooling2D(3, strides=2),
            layers.Conv2D(384, 3, padding="same", activation="relu"),
            layers.Conv2D(384, 3, padding="same", groups=groups, activation="relu"),
            layers.Conv2D(256, 3, padding="same", groups=groups, activation="relu"),
            layers.MaxPooling2D(3, strides=2),
            layers.Flatten(),
            layers.Dense(4096, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(4096, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    return model


if __name__ == "__main__":
    parser = options(__doc__, SIZE)
    parser.add_argument("--groups", type=int, choices=(1, 2), default=1)
    args = parser.parse_args()
    forward_and_step(build(args.size, args.classes, args.groups), args.images)
