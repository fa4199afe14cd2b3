"""Convolutions that compute the batch normalization after them in inference, on any backend of Keras."""

import keras
import numpy as np
import pytest
from keras_gradients import gradients, values

import fastconv.keras as fk

LAYERS = keras.layers
HEADS = {
    "conv": lambda: LAYERS.Conv2D(6, 3),
    "no bias": lambda: LAYERS.Conv2D(6, 3, strides=2, padding="same", use_bias=False),
    "groups": lambda: LAYERS.Conv2D(6, 3, groups=2, dilation_rate=2),
    "depthwise": lambda: LAYERS.DepthwiseConv2D(3, depth_multiplier=2),
    "activated": lambda: LAYERS.Conv2D(6, 3, activation="relu"),
}
NORMALIZATIONS = {
    "plain": {},
    "neither": {"scale": False, "center": False, "epsilon": 0.1},
    "another axis": {"axis": 2},
}


def network(head, after=(), **normalization):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((12, 12, 4)), head(), LAYERS.BatchNormalization(**normalization), *after], name="net"
    )
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    for variable in model.variables:
        low, high = (0.5, 2) if "variance" in variable.path else (-1, 1)
        variable.assign(rng.uniform(low, high, variable.shape))
    return model


def images(count=3):
    return np.random.default_rng(1).standard_normal((count, 12, 12, 4)).astype("float32")


def run(model, x, **keywords):
    return values(model(x, **keywords))[0]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS.values(), ids=NORMALIZATIONS)
def test_inference_and_training(head, normalization):
    after = [LAYERS.ReLU(max_value=6.0), LAYERS.MaxPooling2D(2)]
    model, x = network(head, after, **normalization), images()
    expected, weights = run(model, x, training=False), model.get_weights()
    trained = run(model, x, training=True)
    moved = model.get_weights()
    model.set_weights(weights)
    fk.accelerate(model)
    close(run(model, x, training=False), expected)
    close(run(model, x), expected)
    close(run(model, x, training=True), trained)
    for a, e in zip(model.get_weights(), moved, strict=True):
        close(a, e)


# JAX has no float64 unless told so.
@pytest.mark.parametrize(
    "dtype", ["float16", "mixed_float16", "float32", *(["float64"] if keras.backend.backend() != "jax" else [])]
)
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_normalization_before_its_convolution(dtype, axis):
    """As in ResNet's second version: normalized, activated, convolved; in inference, in training, and frozen."""
    keras.utils.set_random_seed(0)
    arguments = {"axis": axis, "beta_initializer": "random_normal", "moving_mean_initializer": "random_normal"}
    layers = [LAYERS.BatchNormalization(dtype=dtype, **arguments), LAYERS.ReLU(dtype=dtype)]
    model = keras.Sequential([keras.Input((12, 12, 4)), *layers, LAYERS.Conv2D(2, 3)])
    expected = [run(model, images(), training=False)]
    found = [run(fk.accelerate(model), images(), training=False)]
    for frozen in (False, True):
        model.layers[0].trainable = not frozen
        expected.append(run(fk.restore(model), images(), training=True))
        found.append(run(fk.accelerate(model), images(), training=True))
    for a, e in zip(found, expected, strict=True):
        close(a, e)


def test_a_bad_number_stays_in_its_pixel():
    layer, x = fk.BatchNormalization(), images()
    x[0, 3, 4, 1], x[1, 2, 2, 0] = np.nan, np.inf
    close(run(layer, x), x / np.sqrt(1.001))


def test_changed_weights_count():
    model, x = fk.accelerate(network(HEADS["conv"])), images()
    model.predict(x, verbose=0)
    for variable in model.variables:
        variable.assign(variable * 1.5 + 0.25)
    actual = model.predict(x, verbose=0)
    close(actual, fk.restore(model).predict(x, verbose=0))


def test_gradients_of_inference():
    model, x = network(HEADS["conv"], [LAYERS.Activation("tanh")]), images()
    model.trainable = False
    expected = gradients(model, x)
    for a, e in zip(gradients(fk.accelerate(model), x), expected, strict=True):
        close(a, e)


def test_a_mode_of_its_own_and_two_readers():
    """A normalization that a graph calls in training mode, and a convolution whose result others read too."""
    x = keras.Input((12, 12, 4))
    first = LAYERS.Conv2D(4, 3)(x)
    second = LAYERS.Conv2D(4, 3, padding="same")(LAYERS.BatchNormalization()(first, training=True))
    y = LAYERS.BatchNormalization()(second)
    model = keras.Model(x, [LAYERS.Add()([second, y]), first])
    expected = values(*model(images(), training=False))
    for a, e in zip(values(*fk.accelerate(model)(images(), training=False)), expected, strict=True):
        close(a, e)


def block(x, filters, strides=1, shortcut_first=True):
    """A residual block of He et al. (2016), with a projected shortcut where the shapes differ."""

    def shortcut():
        same = x.shape[-1] == filters and strides == 1
        return x if same else LAYERS.BatchNormalization()(LAYERS.Conv2D(filters, 1, strides=strides)(x))

    first = shortcut() if shortcut_first else None
    y = LAYERS.BatchNormalization()(LAYERS.Conv2D(4, 3, strides=strides, padding="same")(x))
    y = LAYERS.BatchNormalization()(LAYERS.Conv2D(filters, 1)(LAYERS.ReLU()(y)))
    return LAYERS.Activation("relu")(LAYERS.Add()([first, y] if shortcut_first else [y, shortcut()]))


def mixed(x):
    """Additions that are none of one shape, of two, or of results used once; and one whose result is not activated."""
    shared = LAYERS.Conv2D(4, 3, padding="same")
    normalized = [LAYERS.BatchNormalization()(LAYERS.Conv2D(4, 3, padding="same")(x)) for _ in range(6)]
    pooled = LAYERS.GlobalAveragePooling2D(keepdims=True)(x)
    return LAYERS.Concatenate()(
        [
            LAYERS.Add()([normalized[0], pooled]),
            LAYERS.Add()([normalized[1], normalized[1]]),
            LAYERS.Add()([normalized[2], x, x]),
            LAYERS.Add()([normalized[3], shared(shared(x))]),
            LAYERS.ReLU()(LAYERS.Subtract()([x, normalized[4]])),
            LAYERS.Add()([LAYERS.ReLU()(x), normalized[5]]),
        ]
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda x: block(block(x, 4), 4),
        lambda x: block(block(x, 8, 2), 8),
        lambda x: block(x, 8, shortcut_first=False),
        mixed,
    ],
    ids=["identity", "projected", "shortcut last", "mixed"],
)
def test_residual_blocks(build):
    model = residual(build)
    expected, predicted = run(model, images(), training=False), model.predict(images(5), verbose=0)
    fk.accelerate(model)
    close(run(model, images(), training=False), expected)
    close(model.predict(images(5), verbose=0), predicted)
    close(fk.restore(model).predict(images(5), verbose=0), predicted)


def residual(build):
    keras.utils.set_random_seed(0)
    x = keras.Input((12, 12, 4))
    model = keras.Model(x, build(LAYERS.Conv2D(4, 3, padding="same")(x)))
    rng = np.random.default_rng(0)
    for variable in model.variables:
        low, high = (0.5, 2) if "variance" in variable.path else (-0.5, 0.5)
        variable.assign(rng.uniform(low, high, variable.shape))
    return model


# Without strides: TensorFlow's own gradient of a strided 1x1 convolution writes out of bounds.
@pytest.mark.parametrize(
    "build",
    [
        lambda x: block(block(x, 4), 4),
        lambda x: block(block(x, 8), 8),
        lambda x: block(x, 8, shortcut_first=False),
        mixed,
    ],
    ids=["identity", "projected", "shortcut last", "mixed"],
)
def test_gradients_of_residual_blocks(build):
    model = residual(build)
    expected = gradients(model, images())
    for actual, grad in zip(gradients(fk.accelerate(model), images()), expected, strict=True):
        np.testing.assert_allclose(actual, grad, atol=2e-5 * max(1, np.abs(grad).max()))


@pytest.mark.parametrize(
    "head", [lambda: LAYERS.Conv1D(4, 3, padding="same"), lambda: LAYERS.DepthwiseConv1D(3, padding="same")]
)
def test_residual_blocks_of_one_dimension(head):
    x = keras.Input((12, 4))
    start = LAYERS.ReLU()(x)
    model = keras.Model(x, LAYERS.ReLU()(LAYERS.Add()([start, LAYERS.BatchNormalization()(head()(start))])))
    given = images()[:, 0]
    expected = run(model, given, training=False)
    close(run(fk.accelerate(model), given, training=False), expected)


def test_additions_that_broadcast_over_the_batch():
    one, many = keras.Input((12, 12, 4)), keras.Input((12, 12, 4))
    y = LAYERS.BatchNormalization()(LAYERS.Conv2D(4, 3, padding="same")(one))
    model = keras.Model([one, many], LAYERS.Add()([y, LAYERS.ReLU()(many)]))
    given = [images(1), images(3)]
    expected = run(model, given, training=False)
    close(run(fk.accelerate(model), given, training=False), expected)


def test_patched_models_do_so_too():
    expected = network(HEADS["conv"], [LAYERS.ReLU()])
    with fk.patched():
        model = keras.models.clone_model(expected)
        model.set_weights(expected.get_weights())
        close(run(model, images()), run(expected, images()))
