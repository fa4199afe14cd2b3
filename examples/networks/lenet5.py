"""LeNet-5: for the 28x28 images of MNIST, or with --classic as in 1998, for 32x32, with C5 and F6."""

import keras
import numpy as np
from data import load_mnist, options
from keras import layers

BATCH_SIZE, EPOCHS = 128, 5


def build(classic=False):
    model = keras.Sequential(
        classic_layers()
        if classic
        else [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def classic_layers():
    return [
        keras.Input((32, 32, 1)),
        layers.Conv2D(6, 5, activation="tanh", name="C1"),
        layers.AveragePooling2D(2, name="S2"),
        layers.Conv2D(16, 5, activation="tanh", name="C3"),
        layers.AveragePooling2D(2, name="S4"),
        layers.Conv2D(120, 5, activation="tanh", name="C5"),
        layers.Flatten(),
        layers.Dense(84, activation="tanh", name="F6"),
        layers.Dense(10, activation="softmax", name="output"),
    ]


def prepare(data=None, images=None, classic=False):
    (x_train, y_train), (x_test, y_test) = load_mnist(data, images)
    if classic:
        border = (0, 0), (2, 2), (2, 2), (0, 0)
        x_train, x_test = np.pad(x_train, border), np.pad(x_test, border)
    return (x_train, y_train), (x_test, y_test)


if __name__ == "__main__":
    args = options(__doc__, EPOCHS, classic="32x32 images, C5 a convolution")
    (x_train, y_train), (x_test, y_test) = prepare(args.data, args.images, args.classic)
    model = build(args.classic)
    model.summary()
    model.fit(x_train, y_train, batch_size=BATCH_SIZE, epochs=args.epochs, validation_data=(x_test, y_test))
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test accuracy: {accuracy:.4f}")
