"""ResNet50V2, of keras.applications with random weights: a forward pass and a training step."""

import keras
from imagenet import forward_and_step, options

BATCH_SIZE, SIZE = 8, 224


def build(size=SIZE, classes=1000):
    model = keras.applications.ResNet50V2(weights=None, input_shape=(size, size, 3), classes=classes)
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    return model


if __name__ == "__main__":
    args = options(__doc__, SIZE).parse_args()
    forward_and_step(build(args.size, args.classes), args.images)
