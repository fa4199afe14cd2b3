"""A convnet for MNIST as tutorials wrote it from 2017 to 2019, which today's Keras still runs."""

import keras
from data import load_mnist, options
from keras import backend as K
from keras.layers import Convolution2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential

batch_size = 128
num_classes = 10
img_rows, img_cols = 28, 28


def prepare(data=None, images=None):
    (x_train, y_train), (x_test, y_test) = load_mnist(data, images)
    if K.image_data_format() == "channels_first":
        x_train = x_train.reshape(x_train.shape[0], 1, img_rows, img_cols)
        x_test = x_test.reshape(x_test.shape[0], 1, img_rows, img_cols)
    else:
        x_train = x_train.reshape(x_train.shape[0], img_rows, img_cols, 1)
        x_test = x_test.reshape(x_test.shape[0], img_rows, img_cols, 1)
    # convert class vectors to binary class matrices
    y_train = keras.utils.to_categorical(y_train, num_classes)
    y_test = keras.utils.to_categorical(y_test, num_classes)
    return (x_train, y_train), (x_test, y_test)


def build():
    first = K.image_data_format() == "channels_first"
    input_shape = (1, img_rows, img_cols) if first else (img_rows, img_cols, 1)
    model = Sequential()
    model.add(Convolution2D(32, (3, 3), activation="relu", input_shape=input_shape))
    model.add(Convolution2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(num_classes, activation="softmax"))
    model.compile(loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.Adam(), metrics=["accuracy"])
    return model


if __name__ == "__main__":
    args = options(__doc__, epochs=12)
    (x_train, y_train), (x_test, y_test) = prepare(args.data, args.images)
    print("x_train shape:", x_train.shape)
    print(x_train.shape[0], "train samples")
    print(x_test.shape[0], "test samples")
    model = build()
    model.fit(x_train, y_train, batch_size=batch_size, epochs=args.epochs, verbose=1, validation_data=(x_test, y_test))
    score = model.evaluate(x_test, y_test, verbose=0)
    print("Test loss:", score[0])
    print("Test accuracy:", score[1])
