"""Every Keras layer against the stock one, on any backend of Keras: values, gradients, configs, shapes, dtypes."""

import functools
import logging

import keras
import numpy as np
import pytest
from keras_gradients import BACKEND, gradients, second_gradients, values

import fastconv
import fastconv.keras as fk
from fastconv.keras import base
from fastconv.keras.patch import STOCK as STOCK_OF

STOCK = {layer.__name__: stock for layer, stock in STOCK_OF.items()}


def own_activation(x):
    return keras.ops.square(x)


CONV, DEPTH = dict(filters=4, kernel_size=3), dict(kernel_size=3)
LAYERS = {
    "conv": ("Conv2D", CONV | dict(activation="relu")),
    "conv, same, strided": ("Conv2D", CONV | dict(kernel_size=(3, 2), strides=2, padding="same", activation="tanh")),
    "conv, no bias, dilated": ("Conv2D", CONV | dict(use_bias=False, dilation_rate=2)),
    "conv, gelu": ("Conv2D", CONV | dict(activation="gelu")),
    "conv, sigmoid": ("Conv2D", CONV | dict(kernel_size=1, activation="sigmoid")),
    "conv, own activation": ("Conv2D", CONV | dict(kernel_size=1, activation=own_activation)),
    "conv, softmax": ("Conv2D", CONV | dict(kernel_size=1, activation="softmax")),
    "conv 1": ("Conv1D", CONV | dict(activation="relu")),
    "conv 1, causal": ("Conv1D", CONV | dict(padding="causal", dilation_rate=2)),
    "conv 1, same": ("Conv1D", CONV | dict(padding="same", strides=2, activation="selu")),
    "depthwise": ("DepthwiseConv2D", DEPTH | dict(depth_multiplier=2, activation="relu")),
    "depthwise, same": ("DepthwiseConv2D", DEPTH | dict(padding="same", strides=2, use_bias=False)),
    "depthwise 1": ("DepthwiseConv1D", DEPTH | dict(depth_multiplier=3, padding="same")),
    "separable": ("SeparableConv2D", CONV | dict(depth_multiplier=2, activation="elu")),
    "separable, same": ("SeparableConv2D", CONV | dict(padding="same", strides=2)),
    "separable 1": ("SeparableConv1D", CONV | dict(use_bias=False)),
    "transpose": ("Conv2DTranspose", CONV | dict(activation="relu")),
    "transpose, same": ("Conv2DTranspose", CONV | dict(padding="same", strides=2)),
    "transpose, more rows": ("Conv2DTranspose", CONV | dict(strides=3, output_padding=(1, 2))),
    "transpose 1": ("Conv1DTranspose", CONV | dict(strides=2, activation="tanh", use_bias=False)),
    "max pool": ("MaxPooling2D", dict(pool_size=2)),
    "max pool, same": ("MaxPooling2D", dict(pool_size=3, strides=2, padding="same")),
    "max pool 1": ("MaxPooling1D", dict(pool_size=2, strides=1)),
    "average pool": ("AveragePooling2D", dict(pool_size=(2, 3), padding="same")),
    "average pool 1": ("AveragePooling1D", dict(pool_size=3, padding="same")),
    "global max": ("GlobalMaxPooling2D", {}),
    "global max, kept": ("GlobalMaxPooling2D", dict(keepdims=True)),
    "global max 1": ("GlobalMaxPooling1D", dict(keepdims=True)),
    "global average": ("GlobalAveragePooling2D", {}),
    "global average, kept": ("GlobalAveragePooling2D", dict(keepdims=True)),
    "global average 1": ("GlobalAveragePooling1D", {}),
    "activation": ("Activation", dict(activation="relu")),
    "activation, elu": ("Activation", dict(activation="elu")),
    "activation, softmax": ("Activation", dict(activation="softmax")),
    "activation, leaky": ("Activation", dict(activation="leaky_relu")),
    "activation, log softmax": ("Activation", dict(activation="log_softmax")),
    "relu": ("ReLU", {}),
    "relu, sloped": ("ReLU", dict(negative_slope=0.1)),
    "relu, 6": ("ReLU", dict(max_value=6.0)),
    "relu, threshold": ("ReLU", dict(threshold=0.5)),
    "relu, all": ("ReLU", dict(negative_slope=0.1, max_value=0.75, threshold=0.25)),
    "leaky": ("LeakyReLU", dict(negative_slope=0.2)),
    "prelu": ("PReLU", dict(alpha_initializer="random_normal")),
    "prelu, shared": ("PReLU", dict(alpha_initializer="random_normal", shared_axes=[1, 2])),
    "elu": ("ELU", dict(alpha=0.7)),
    "softmax": ("Softmax", dict(axis=1)),
    "softmax, two axes": ("Softmax", dict(axis=[1, 2])),
    "softmax, apart": ("Softmax", dict(axis=[1, 3])),
    "dense": ("Dense", dict(units=4, activation="relu")),
    "normalization": ("BatchNormalization", dict(beta_initializer="random_normal", gamma_initializer="random_normal")),
    "normalization, bare": ("BatchNormalization", dict(scale=False, center=False, epsilon=0.5)),
    "normalization, rows": ("BatchNormalization", dict(axis=2, moving_mean_initializer="random_normal")),
    "normalization, first": ("BatchNormalization", dict(axis=1, moving_mean_initializer="random_normal")),
}
if BACKEND == "numpy":
    del LAYERS["softmax, two axes"], LAYERS["softmax, apart"]  # which Keras itself does not compute


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def images(kind="", shape=(2, 9, 8, 3), dtype="float32"):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    return x[:, 0] if "1D" in kind else x


def twins(kind, arguments, x):
    """The stock layer and fastconv's with the same weights."""
    stock, fast = STOCK[kind](**arguments), getattr(fk, kind)(**arguments)
    for layer in (stock, fast):
        layer.build(x.shape)
    fast.set_weights(stock.get_weights())
    return stock, fast


def layer_cases(test):
    return pytest.mark.parametrize("kind, arguments", LAYERS.values(), ids=LAYERS)(test)


@layer_cases
def test_values_and_gradients_are_the_stock_layers(kind, arguments):
    x = images(kind)
    for a, e in zip(*(gradients(layer, x) for layer in reversed(twins(kind, arguments, x))), strict=True):
        np.testing.assert_allclose(a, e, atol=2e-5, rtol=1e-5)


SECOND = [
    "conv, same, strided",
    "conv, gelu",
    "depthwise",
    "separable",
    "transpose, same",
    "average pool",
    "max pool",
    "global average",
    "activation, elu",
    "relu, all",
    "prelu",
    "softmax",
    "dense",
    "normalization",
]


@pytest.mark.parametrize("kind, arguments", [LAYERS[name] for name in SECOND], ids=SECOND)
def test_second_order_gradients_are_the_stock_layers(kind, arguments):
    x = images(kind)
    for a, e in zip(*(second_gradients(layer, x) for layer in reversed(twins(kind, arguments, x))), strict=True):
        np.testing.assert_allclose(a, e, atol=5e-5, rtol=1e-4)


@layer_cases
def test_config_moves_both_ways(kind, arguments):
    if callable(arguments.get("activation")):
        arguments = arguments | {"activation": None}
    stock, fast = STOCK[kind](**arguments), getattr(fk, kind)(**arguments)
    assert stock.name.rstrip("_0123456789") == fast.name.rstrip("_0123456789")
    config = fast.get_config()
    assert config | {"name": ""} == stock.get_config() | {"name": ""}
    assert type(type(fast).from_config(stock.get_config())) is type(fast)
    assert type(stock).from_config(config).get_config() == config
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(fast))
    assert type(again) is type(fast) and again.get_config() == config


@layer_cases
def test_symbolic_shapes(kind, arguments):
    for shape in ((9, 8, 3), (None, None, 3)):
        shape = shape[1:] if "1D" in kind else shape
        of_rows = kind == "PReLU" and "shared_axes" not in arguments
        of_rows |= kind == "BatchNormalization" and "axis" in arguments
        if of_rows and None in shape:  # a weight for each row
            continue
        symbolic = keras.Input(shape)
        assert getattr(fk, kind)(**arguments)(symbolic).shape == STOCK[kind](**arguments)(symbolic).shape


def test_every_layer_is_tested():
    assert {kind for kind, _ in LAYERS.values()} == set(STOCK)


COMBINED = [
    dict(groups=2),
    dict(padding="same", strides=2),
    dict(groups=4, use_bias=False),
    dict(strides=2, dilation_rate=2),
    dict(strides=(1, 2), dilation_rate=(3, 1), padding="same", groups=2),
]


@pytest.mark.parametrize("arguments", COMBINED)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_formats_groups_and_dilated_strides_are_native(arguments, data_format, caplog):
    x = images(shape=(2, 9, 8, 4))
    layer = fk.Conv2D(8, 3, activation="relu", data_format=data_format, bias_initializer="random_normal", **arguments)
    given = np.moveaxis(x, 3, 1) if data_format == "channels_first" else x
    (y,) = values(layer(given))
    bias = layer.bias.numpy() if layer.use_bias else None
    window = {name: value for name, value in arguments.items() if name != "use_bias"}
    expected = fastconv.conv2d(
        given, keras.ops.convert_to_numpy(layer.kernel), bias, activation="relu", data_format=data_format, **window
    )
    np.testing.assert_allclose(y, expected, atol=1e-5)
    assert y.shape == layer.compute_output_shape(given.shape)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    assert not caplog.records


@pytest.mark.parametrize(
    "kind, arguments",
    [
        ("DepthwiseConv2D", DEPTH | dict(depth_multiplier=2, strides=2, dilation_rate=2)),
        ("SeparableConv2D", CONV),
        ("Conv2DTranspose", CONV | dict(strides=2, dilation_rate=2, padding="same")),
        ("MaxPooling2D", {}),
        ("Conv1D", CONV | dict(padding="causal")),
        ("Conv1DTranspose", CONV | dict(strides=2)),
        ("GlobalMaxPooling2D", {}),
        ("AveragePooling2D", dict(pool_size=2, padding="same")),
        ("MaxPooling1D", {}),
        ("GlobalAveragePooling1D", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_channels_first_is_channels_last_turned(kind, arguments, caplog):
    x = images(kind)
    last, first = (getattr(fk, kind)(data_format=f, **arguments) for f in ("channels_last", "channels_first"))
    (expected,) = values(last(x))
    turned = np.moveaxis(x, -1, 1)
    first.build(turned.shape)
    first.set_weights(last.get_weights())
    (y,) = values(first(turned))
    np.testing.assert_allclose(np.moveaxis(y, 1, -1), expected, atol=1e-5)
    assert not caplog.records


@pytest.mark.parametrize(
    "arguments",
    [
        dict(strides=0),
        dict(dilation_rate=0, strides=2),
        dict(dilation_rate="x"),
        dict(strides=2, dilation_rate=(2, 2, 2)),
    ],
    ids=str,
)
def test_wrong_arguments_are_keras_errors(arguments):
    with pytest.raises(ValueError, match=r"strides|dilation_rate"):
        fk.Conv2D(4, 3, **arguments)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64", "bfloat16"])
@pytest.mark.parametrize(
    "kind, arguments",
    [
        ("Conv2D", CONV | dict(activation="relu")),
        ("DepthwiseConv2D", DEPTH),
        ("Conv2DTranspose", CONV),
        ("MaxPooling2D", {}),
        ("PReLU", {}),
    ],
)
def test_dtype_policies(kind, arguments, policy):
    if BACKEND == "jax" and policy == "float64":
        policy = "float32"
    x = images(kind)
    stock, fast = twins(kind, arguments | dict(dtype=policy), x)
    compute = keras.DTypePolicy(policy).compute_dtype
    assert keras.backend.standardize_dtype(fast(x).dtype) == compute
    assert fast.weights == [] or fast.weights[0].dtype == keras.DTypePolicy(policy).variable_dtype
    for a, e in zip(*(gradients(layer, x) for layer in (fast, stock)), strict=True):
        np.testing.assert_allclose(a, e, atol=0.02 * np.abs(e).max(), rtol=0.05)


def test_lora_and_own_convolution_op():
    x = images()
    stock, fast = twins("Conv2D", CONV, x)
    for layer in (stock, fast):
        layer.enable_lora(2)
    for s, f in zip(stock.weights, fast.weights, strict=True):
        value = np.random.default_rng(1).standard_normal(s.shape)
        s.assign(value)
        f.assign(value)
    np.testing.assert_allclose(*values(fast(x), stock(x)), atol=1e-4)

    def doubled(parent):
        class Doubled(parent):
            def convolution_op(self, inputs, kernel):
                return super().convolution_op(inputs, kernel * 2)

        return Doubled(4, 3, activation="relu")

    ours, theirs = doubled(fk.Conv2D), doubled(keras.layers.Conv2D)
    ours.build(x.shape)
    theirs.build(x.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(*values(ours(x), theirs(x)), atol=1e-5)


def test_what_no_kernel_serves_is_left_to_keras_and_said_once(caplog, monkeypatch):
    monkeypatch.setattr(base, "_told", set())
    x = np.array([[[[1], [2]], [[3], [4]]]], "int32")
    five = images(shape=(2, 3, 9, 8, 2))
    with caplog.at_level(logging.WARNING, "fastconv"):
        layer = fk.ReLU(dtype="int32")
        for _ in range(2):
            np.testing.assert_array_equal(values(layer(-x))[0], 0 * x)
        masked = fk.Softmax()(keras.ops.convert_to_tensor(five), mask=keras.ops.convert_to_tensor(five > -9))
        np.testing.assert_allclose(*values(masked, keras.ops.softmax(five)), atol=1e-6)
    assert [r.name for r in caplog.records] == ["fastconv"] * 2
    assert "no kernel for int32" in caplog.text


def test_relu_with_arguments_as_a_layers_activation(caplog):
    """A partial of Keras' relu is known; where it has a name the convolution computes it."""
    relu = keras.activations.relu
    x = images()
    with caplog.at_level(logging.INFO, "fastconv"):
        for keywords in (dict(max_value=6.0), dict(threshold=0.25, max_value=0.75), dict(negative_slope=0.1)):
            activation = functools.partial(relu, **keywords)
            for kind, arguments in (
                ("Conv2D", dict(filters=3, kernel_size=2)),
                ("Dense", dict(units=4)),
                ("Activation", {}),
            ):
                stock, fast = twins(kind, arguments | dict(activation=activation), x)
                for a, e in zip(*(gradients(layer, x) for layer in (fast, stock)), strict=True):
                    np.testing.assert_allclose(a, e, atol=2e-5, rtol=1e-5)
    assert "Keras' own" not in caplog.text
    assert base.split_activation(functools.partial(relu, max_value=6.0)) == (("relu6", 0.0), None)
    with pytest.raises(TypeError, match="wild"):
        fk.Activation(functools.partial(relu, wild=1))(x)


def test_masks_of_global_average_pooling_are_keras(caplog):
    x = images("1D")
    mask = np.arange(8)[None] < np.array([[3], [8]])
    ours, stock = (
        layer(keras.ops.convert_to_tensor(x), mask=keras.ops.convert_to_tensor(mask))
        for layer in (fk.GlobalAveragePooling1D(), STOCK["GlobalAveragePooling1D"]())
    )
    np.testing.assert_allclose(*values(ours, stock), atol=1e-6)


@pytest.mark.parametrize("kind", ["Conv1D", "Conv2D", "SeparableConv2D"])
def test_an_input_that_is_too_small_is_an_error(kind):
    layer = getattr(fk, kind)(2, 5)
    layer.build((None, None, 1) if "1D" in kind else (None, None, None, 1))
    with pytest.raises(ValueError, match=r"empty output|does not fit"):
        layer(images(kind, (1, 3, 3, 1)))


def test_what_is_in_use_is_said_once(caplog, monkeypatch):
    monkeypatch.setattr(base, "_told", set())
    with caplog.at_level(logging.INFO, "fastconv"):
        for _ in range(2):
            fk.MaxPooling2D()(images())
    assert [r.message for r in caplog.records] == [f"MaxPooling2D: fastconv's kernels ({fastconv.cpu.active_isa()})"]
