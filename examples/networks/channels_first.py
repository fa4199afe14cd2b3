"""Images with their channels first, (1, 28, 28): two convolutions of 5x5 and a Dense layer of 1024.

Stock TensorFlow computes these on a CPU only where it has oneDNN (builds for x86-64, switched on by default); without,
it stops at the first convolution.
"""

import keras
from data import load_mnist, options
from keras import layers

BATCH_SIZE, EPOCHS = 32, 1
FIRST = {"padding": "same", "data_format": "channels_first"}


def build():
    model = keras.Sequential(
        [
            keras.Input((1, 28, 28)),
            layers.Conv2D(32, 5, **FIRST),
            layers.Activation("relu"),
            layers.MaxPooling2D(2, **FIRST),
            layers.Conv2D(64, 5, **FIRST),
            layers.Activation("relu"),
            layers.MaxPooling2D(2, **FIRST),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def prepare(data=None, images=None):
    (x_train, y_train), (x_test, y_test) = load_mnist(data, images)
    x_train, x_test = x_train.reshape(-1, 1, 28, 28), x_test.reshape(-1, 1, 28, 28)
    return (x_train, keras.utils.to_categorical(y_train, 10)), (x_test, keras.utils.to_categorical(y_test, 10))


if __name__ == "__main__":
    args = options(__doc__, EPOCHS)
    (x_train, y_train), (x_test, y_test) = prepare(args.data, args.images)
    model = build()
    model.summary()
    model.fit(x_train, y_train, batch_size=BATCH_SIZE, epochs=args.epochs)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test accuracy: {accuracy:.4f}")
