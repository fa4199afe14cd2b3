"""Each kind of Keras' layers in a network read from a file gives what Keras gives."""

import keras
import numpy as np
import pytest
from keras import layers as L
from network_models import assert_reads, assert_same, moved, saved

import fastconv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
IMAGE, SEQUENCE, VECTOR = (9, 10, 4), (11, 4), (6,)


def adapted():
    layer = L.Normalization(axis=(1, 3))
    layer.adapt(np.random.default_rng(2).random((5, *IMAGE), np.float32))
    return layer


LAYERS = {
    "Conv2D": (IMAGE, lambda: [L.Conv2D(6, (3, 2), strides=(2, 1), padding="same", activation="relu")]),
    "Conv2D of groups": (IMAGE, lambda: [L.Conv2D(6, 3, groups=2, dilation_rate=2, use_bias=False)]),
    "Conv2D activations": (
        IMAGE,
        lambda: [L.Conv2D(6, 3, activation=name) for name in ("leaky_relu", "swish", "gelu", "elu")],
    ),
    "Conv1D": (SEQUENCE, lambda: [L.Conv1D(6, 3, strides=2, activation="tanh"), L.Conv1D(3, 2, padding="same")]),
    "Conv1D causal": (SEQUENCE, lambda: [L.Conv1D(6, 3, padding="causal", dilation_rate=2)]),
    "DepthwiseConv2D": (IMAGE, lambda: [L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu")]),
    "DepthwiseConv1D": (SEQUENCE, lambda: [L.DepthwiseConv1D(3)]),
    "SeparableConv2D": (IMAGE, lambda: [L.SeparableConv2D(6, 3, strides=2, padding="same", activation="relu6")]),
    "SeparableConv1D": (SEQUENCE, lambda: [L.SeparableConv1D(6, 3, depth_multiplier=2)]),
    "Conv2DTranspose": (
        IMAGE,
        lambda: [
            L.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu"),
            L.Conv2DTranspose(3, 2, strides=3),
        ],
    ),
    "Conv2DTranspose of more": (
        IMAGE,
        lambda: [L.Conv2DTranspose(6, 3, strides=(2, 3), output_padding=(1, 2), use_bias=False)],
    ),
    "Conv1DTranspose": (SEQUENCE, lambda: [L.Conv1DTranspose(6, 3, strides=2, padding="same")]),
    "Dense": (IMAGE, lambda: [L.Dense(5, activation="sigmoid"), L.Flatten(), L.Dense(3, use_bias=False)]),
    "EinsumDense": (SEQUENCE, lambda: [L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")]),
    "EinsumDense of more axes": (
        SEQUENCE,
        lambda: [
            L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de", activation="relu"),
            L.EinsumDense("abde,def->abf", output_shape=(None, 4)),
        ],
    ),
    "MaxPooling2D": (IMAGE, lambda: [L.MaxPooling2D((3, 2), strides=(1, 2), padding="same"), L.MaxPooling2D()]),
    "AveragePooling2D": (IMAGE, lambda: [L.AveragePooling2D(3, strides=2, padding="same")]),
    "pools 1D": (SEQUENCE, lambda: [L.MaxPooling1D(2, strides=1, padding="same"), L.AveragePooling1D(3)]),
    "GlobalAveragePooling2D": (IMAGE, lambda: [L.GlobalAveragePooling2D()]),
    "GlobalMaxPooling2D": (IMAGE, lambda: [L.GlobalMaxPooling2D(keepdims=True)]),
    "GlobalAveragePooling1D": (SEQUENCE, lambda: [L.GlobalAveragePooling1D()]),
    "GlobalMaxPooling1D": (SEQUENCE, lambda: [L.GlobalMaxPooling1D()]),
    "BatchNormalization": (
        IMAGE,
        lambda: [
            L.BatchNormalization(),
            L.BatchNormalization(axis=2, scale=False),
            L.BatchNormalization(center=False, scale=False),
        ],
    ),
    "LayerNormalization": (IMAGE, lambda: [L.LayerNormalization(), L.LayerNormalization(axis=(2, 3), scale=False)]),
    "GroupNormalization": (IMAGE, lambda: [L.GroupNormalization(2), L.GroupNormalization(-1, axis=1)]),
    "UnitNormalization": (IMAGE, lambda: [L.UnitNormalization(), L.UnitNormalization(axis=(1, 2))]),
    "RMSNormalization": (IMAGE, lambda: [L.RMSNormalization()]),
    "Normalization": (IMAGE, lambda: [L.Normalization(mean=[1.0, 2, 3, 4], variance=[1.0, 2, 3, 4])]),
    "Normalization of weights": (IMAGE, lambda: [adapted()]),
    "Rescaling": (IMAGE, lambda: [L.Rescaling(1 / 127.5, -1), L.Rescaling([1.0, 2, 3, 4])]),
    "ReLU": (IMAGE, lambda: [L.ReLU(6), L.ReLU(negative_slope=0.2), L.ReLU(1.5, 0.1, 0.3)]),
    "LeakyReLU": (IMAGE, lambda: [L.LeakyReLU(), L.LeakyReLU(negative_slope=0.1)]),
    "PReLU": (IMAGE, lambda: [L.PReLU(), L.PReLU(shared_axes=[1, 2])]),
    "ELU": (IMAGE, lambda: [L.ELU(0.7)]),
    "Softmax": (IMAGE, lambda: [L.Softmax(), L.Softmax(axis=1), L.Softmax(axis=(1, 2))]),
    "Flatten": (IMAGE, lambda: [L.Flatten(), L.Reshape((6, 60)), L.Permute((2, 1)), L.Reshape((-1, 5))]),
    "Flatten channels_first": (IMAGE, lambda: [L.Flatten(data_format="channels_first"), L.Dense(3)]),
    "RepeatVector": (VECTOR, lambda: [L.RepeatVector(3)]),
    "ZeroPadding2D": (IMAGE, lambda: [L.ZeroPadding2D(((1, 0), (2, 3))), L.ZeroPadding2D(1), L.ZeroPadding2D((1, 2))]),
    "Cropping2D": (IMAGE, lambda: [L.Cropping2D(((1, 0), (2, 3))), L.Cropping2D(1)]),
    "ZeroPadding1D": (SEQUENCE, lambda: [L.ZeroPadding1D((1, 2)), L.Cropping1D(1)]),
    "UpSampling2D": (IMAGE, lambda: [L.UpSampling2D((2, 3)), L.UpSampling2D(2, interpolation="bilinear")]),
    "UpSampling1D": (SEQUENCE, lambda: [L.UpSampling1D(3)]),
    "Resizing": (IMAGE, lambda: [L.Resizing(13, 7), L.Resizing(5, 20, interpolation="nearest")]),
    "CenterCrop": (IMAGE, lambda: [L.CenterCrop(5, 6), L.CenterCrop(8, 4)]),
    "UpSampling2D bicubic": (
        IMAGE,
        lambda: [L.UpSampling2D(2, interpolation="bicubic"), L.UpSampling2D(2, interpolation="lanczos3")],
    ),
    "Resizing of all kinds": (
        IMAGE,
        lambda: [
            L.Resizing(13, 6, interpolation="bicubic"),
            L.Resizing(6, 15, interpolation="lanczos5", antialias=True),
            L.Resizing(8, 5, crop_to_aspect_ratio=True),
            L.Resizing(7, 9, pad_to_aspect_ratio=True, fill_value=0.5, antialias=True),
        ],
    ),
    "only in training": (
        IMAGE,
        lambda: [
            L.Dropout(0.5),
            L.SpatialDropout2D(0.5),
            L.GaussianNoise(1),
            L.Identity(),
            L.GaussianDropout(0.5),
            L.AlphaDropout(0.5),
            L.RandomFlip(),
            L.RandomRotation(0.1),
            L.ActivityRegularization(),
        ],
    ),
    "LSTM": (SEQUENCE, lambda: [L.LSTM(5, return_sequences=True), L.LSTM(3, go_backwards=True)]),
    "GRU": (
        SEQUENCE,
        lambda: [
            L.GRU(5, return_sequences=True),
            L.GRU(4, reset_after=False, return_sequences=True),
            L.GRU(3, use_bias=False),
        ],
    ),
    "SimpleRNN": (SEQUENCE, lambda: [L.SimpleRNN(5, return_sequences=True, go_backwards=True), L.SimpleRNN(3)]),
    "RNN of a cell": (SEQUENCE, lambda: [L.RNN(L.LSTMCell(5), return_sequences=True), L.RNN(L.GRUCell(3))]),
    "Bidirectional of two layers": (
        SEQUENCE,
        lambda: [L.Bidirectional(L.LSTM(4), backward_layer=L.LSTM(4, go_backwards=True))],
    ),
    "Bidirectional": (
        SEQUENCE,
        lambda: [
            L.Bidirectional(L.LSTM(5, return_sequences=True)),
            L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"),
            L.Bidirectional(L.LSTM(2), merge_mode="ave"),
        ],
    ),
    "TimeDistributed": (
        (4, *IMAGE),
        lambda: [
            L.TimeDistributed(L.Conv2D(3, 3)),
            L.TimeDistributed(keras.Sequential([L.Flatten(), L.Dense(4)])),
            L.LSTM(2),
        ],
    ),
}
ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, tmp_path):
    shape, make = LAYERS[name]
    model = moved(keras.Sequential([keras.Input(shape), *make()]))
    assert_reads(model, tmp_path, (".keras", ".h5"))


def test_activations(tmp_path):
    x = keras.Input(VECTOR)
    model = keras.Model(x, [L.Activation(name)(x) for name in ACTIVATIONS])
    assert_reads(model, tmp_path, (".keras", ".h5"))


def test_merges(tmp_path):
    a, b, c = (keras.Input(IMAGE, name=name) for name in "abc")
    outputs = [kind()([a, b, c]) for kind in (L.Add, L.Multiply, L.Average, L.Maximum, L.Minimum)]
    outputs += [L.Subtract()([a, b]), L.Concatenate()([a, b, c]), L.Concatenate(axis=1)([b, a])]
    outputs += [L.Dot(axes=(3, 3))([a, b]), L.Dot(axes=-1, normalize=True)([L.Flatten()(a), L.Flatten()(b)])]
    assert_reads(keras.Model([a, b, c], outputs), tmp_path, (".keras", ".h5"))


def masked(x):
    """The inputs with times that a mask leaves out, at the beginning, in the middle and at the end."""
    for array in x:
        array[0, -3:], array[1, :2], array[2, 4], array[2, 6] = 0, 0, 0, 0
    return x


@pytest.mark.parametrize("kind", [L.LSTM, L.GRU, L.SimpleRNN])
@pytest.mark.parametrize("functional", [True, False])
def test_masks(kind, functional, tmp_path):
    """A Functional model's file names masks, a Sequential one's does not."""
    layers = [
        L.Masking(),
        kind(4, return_sequences=True),
        L.Dropout(0.5),
        L.Bidirectional(kind(3, return_sequences=True)),
    ]
    layers += [L.TimeDistributed(L.Dense(4)), kind(3)]
    if functional:
        x = y = keras.Input(SEQUENCE)
        for layer in layers:
            y = layer(y)
        masked_input = L.Masking()(x)
        pooled = L.GlobalAveragePooling1D()(L.Add()([masked_input, L.Masking(0.5)(x)]))
        model = keras.Model(x, [y, kind(3, return_sequences=True, zero_output_for_mask=True)(masked_input), pooled])
    else:
        model = keras.Sequential([keras.Input(SEQUENCE), *layers])
    assert_reads(moved(model), tmp_path, (".keras", ".h5"), change=masked)


@pytest.mark.parametrize("kind", [L.LSTM, L.GRU, L.SimpleRNN])
def test_states_go_from_layer_to_layer(kind, tmp_path):
    x = keras.Input(SEQUENCE)
    y, *states = kind(4, return_state=True)(x)
    both = L.Bidirectional(kind(3, return_state=True))(x)
    z = kind(4, return_sequences=True)(x, initial_state=states)
    model = keras.Model(x, [y, *states, *both, z, L.Bidirectional(kind(3))(x, initial_state=both[1:])])
    assert_reads(moved(model), tmp_path, (".keras", ".h5"))


def test_embedding(tmp_path):
    x = keras.Input((7,), dtype="int32")
    y = L.LSTM(4)(L.Embedding(10, 4, mask_zero=True)(x))
    model = moved(keras.Model(x, [y, L.Conv1D(3, 2)(L.Embedding(10, 5)(x))]))
    numbers = np.random.default_rng(0).integers(0, 10, (3, 7)).astype(np.int32)
    numbers[0, 4:] = 0
    for net in (fastconv.from_keras(model), *(fastconv.load(saved(model, s, tmp_path)) for s in (".keras", ".h5"))):
        assert_same(model, net, [numbers])


def test_all_layers_that_are_not_served_are_listed():
    x = keras.Input(SEQUENCE)
    y, state = L.ConvLSTM1D(3, 2, return_state=True, name="one")(L.Reshape((11, 4, 1))(x))[:2]
    model = keras.Model(x, L.Conv1D(3, 2)(L.Attention(name="two")([y, state])))
    with pytest.raises(ValueError, match=r"'one' \(ConvLSTM1D\), 'two' \(Attention\)"):
        fastconv.from_keras(model)


UNARY = """
absolute arccosh arccos arcsinh arcsin arctanh arctan ceil celu cos cosh elu erf erfc exp expm1 floor gelu glu
hard_shrink hard_sigmoid hard_silu hard_tanh isfinite isinf isnan layer_normalization leaky_relu log log10
log1p log2 log_sigmoid log_softmax logical_not negative normalize ones_like ravel reciprocal relu relu6 round
rsqrt selu sigmoid sign silu sin sinh soft_shrink softplus softsign sparse_plus sparse_sigmoid sparsemax sqrt
square squareplus tan tanh tanh_shrink tril triu trunc zeros_like
"""
BINARY = """add divide divide_no_nan equal floor_divide greater greater_equal less less_equal logical_and logical_or
logical_xor maximum minimum mod multiply not_equal power subtract true_divide"""
REDUCTIONS = "all amax amin any logsumexp max mean min prod std sum var"


def of_arrays(ops, x, y):
    """Functions of whole arrays, of keras.ops."""
    taken = ops.argmax(x, axis=-1, keepdims=True)
    kernel = np.random.default_rng(0).random((3, 3, 4, 5), np.float32)
    return [
        *(getattr(ops, name)(x) for name in ("argmax", "argmin")),
        *ops.split(x, 2, axis=-1),
        *ops.split(x, [1, 3], axis=-1),
        *ops.top_k(x, 2),
        *ops.moments(x, (1, 2)),
        ops.average_pool(x, (3, 3), strides=2, padding="same"),
        ops.batch_normalization(x, np.zeros(4, np.float32), np.ones(4, np.float32), -1),
        ops.cast(ops.cast(x, "bool"), "float32"),
        ops.cast(x, "int32"),
        ops.clip(x, -0.5, 0.5),
        ops.concatenate([x, y], axis=2),
        ops.conv(x, kernel, padding="same"),
        ops.cumsum(x, axis=1),
        ops.depth_to_space(x, 2),
        ops.einsum("bhwc,bhwd->bcd", x, y),
        ops.expand_dims(x, (1, 2)),
        ops.flip(x, axis=1),
        ops.full_like(x, 3.0),
        ops.hstack([x, y]),
        ops.image.resize(x, (9, 7), interpolation="bicubic"),
        ops.matmul(x, ops.transpose(y, (0, 1, 3, 2))),
        ops.max_pool(x, (2, 2)),
        ops.moveaxis(x, -1, 1),
        ops.norm(x, axis=-1),
        ops.one_hot(ops.argmax(x, -1), 4),
        ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), "constant", 2.0),
        ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), "reflect"),
        ops.repeat(x, 2, axis=1),
        ops.reshape(x, (-1, 90, 4)),
        ops.squeeze(ops.expand_dims(x, 2), 2),
        ops.stack([x, y], 2),
        ops.swapaxes(x, 1, 2),
        ops.take(x, np.array([0, 2]), axis=-1),
        ops.take_along_axis(x, taken, axis=-1),
        ops.tile(x, (1, 2, 1, 1)),
        ops.vstack([x, y]),
        ops.where(x > 0, x, 0.1),
        x[:, 1:4],
        x[:, 2],
        x[..., 0],
        x[:, ::-1, :, -1],
        x[:, None, 1:-1, ..., 1:],
        x[:, ::2, 1::3],
        x[..., -1:, :, None],
        1.0 - x,
        x * 2.0,
    ]


def test_functions_of_keras_ops(tmp_path):
    ops = keras.ops
    x, y = keras.Input(IMAGE, name="x"), keras.Input(IMAGE, name="y")
    outputs = [getattr(ops, name)(x) for name in UNARY.split()]
    outputs += [getattr(ops, name)(x, other) for name in BINARY.split() for other in (y, 2.0)]
    outputs += [
        getattr(ops, name)(x, axis=axis, keepdims=bool(axis))
        for name in REDUCTIONS.split()
        for axis in (None, -1, (1, 2))
    ]
    outputs += of_arrays(ops, x, y)
    assert_reads(keras.Model([x, y], outputs), tmp_path, (".keras", ".h5"))


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16", "mixed_bfloat16"])
def test_dtypes(dtype, tmp_path):
    """Mixed precision is computed in float32, whose weights it has."""
    model = moved(
        keras.Sequential(
            [
                keras.Input(IMAGE),
                L.Conv2D(8, 3, activation="relu", dtype=dtype),
                L.BatchNormalization(dtype=dtype),
                L.Flatten(dtype=dtype),
                L.Dense(5, dtype=dtype),
            ]
        )
    )
    net = fastconv.from_keras(model)
    x = np.random.default_rng(0).random((2, *IMAGE), np.float32)
    y = net(x)
    assert y.dtype == (np.float64 if dtype == "float64" else np.float32)
    wanted = np.asarray(keras.ops.cast(model(x), "float64"))
    tolerance = {"float64": 1e-13, "mixed_float16": 3e-3, "mixed_bfloat16": 3e-2}[dtype]
    np.testing.assert_allclose(y, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())
