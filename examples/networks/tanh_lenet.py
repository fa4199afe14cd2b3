"""A LeNet of tanh, trained with Adadelta, saved as keras_mnist_cnn.h5 and read back."""

import keras
import numpy as np
from data import load_mnist, options
from keras import layers

BATCH_SIZE, EPOCHS = 128, 12


def build():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, (3, 3), activation="tanh"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(16, (2, 2), activation="tanh"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dense(256, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    # The learning rate of the paper, which was Keras' default before 2.3; today's is a thousandth of it.
    model.compile(optimizer=keras.optimizers.Adadelta(1.0), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def prepare(data=None, images=None):
    (x_train, y_train), (x_test, y_test) = load_mnist(data, images)
    return (x_train, keras.utils.to_categorical(y_train, 10)), (x_test, keras.utils.to_categorical(y_test, 10))


if __name__ == "__main__":
    args = options(__doc__, EPOCHS)
    (x_train, y_train), (x_test, y_test) = prepare(args.data, args.images)
    model = build()
    model.summary()
    model.fit(x_train, y_train, batch_size=BATCH_SIZE, epochs=args.epochs, validation_data=(x_test, y_test))
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test accuracy: {accuracy:.4f}")

    model.save("keras_mnist_cnn.h5")
    again = keras.models.load_model("keras_mnist_cnn.h5")
    apart = np.abs(model.predict(x_test, verbose=0) - again.predict(x_test, verbose=0)).max()
    print(f"Read back from keras_mnist_cnn.h5: predictions at most {apart:.1e} apart")
