"""Damaged files of networks: a ValueError, or an answer; nothing else."""

import io
import json
import random
import zipfile

import keras
import numpy as np
import pytest
from keras import layers as L
from mutations import LIMITS, VALUES, places
from network_models import moved, saved

import fastconv


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """The members of an archive of a model with most kinds of structure."""
    x = inputs = keras.Input((12, 12, 3))
    x = L.Conv2D(4, 3, padding="same", activation="relu")(L.Rescaling(0.5)(x))
    x = L.Add()([x, L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(x))])
    x = L.UpSampling2D(interpolation="bilinear")(L.MaxPooling2D()(L.ZeroPadding2D(1)(x))) * 2.0
    x = keras.Sequential([keras.Input((14, 14, 4)), L.Conv2DTranspose(2, 2), L.Reshape((15, 30))])(x)
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    x = L.Dense(4, activation="softmax")(L.LayerNormalization()(L.TimeDistributed(L.Dense(3))(x)))
    file = saved(moved(keras.Model(inputs, x)), ".keras", tmp_path_factory.mktemp("damaged"))
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(members):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def load_and_run(data):
    """Whether the file gave an answer."""
    try:
        net = fastconv.load(io.BytesIO(data), limits=LIMITS)
        shapes = [[2 if size is None else size for size in value.shape] for value in net.inputs]
        if max(np.prod(shape, dtype=float) for shape in shapes) > 1e6:
            return False
        net(*(np.ones(shape, np.float32) for shape in shapes))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("seed", range(3))
def test_configurations(members, seed):
    draw, answers = random.Random(seed), 0
    for _ in range(40):
        config = json.loads(members["config.json"])
        found = places(config, [])
        container, key = draw.choice(found)
        other, place = draw.choice(found)
        container[key] = draw.choice([*VALUES, json.loads(json.dumps(other[place]))])
        answers += load_and_run(archive_of(members | {"config.json": json.dumps(config).encode()}))
    assert answers  # of what inference does not read, such as initializers


@pytest.mark.parametrize("seed", range(3))
def test_bytes(members, seed):
    draw = random.Random(seed)
    whole = archive_of(members)
    assert load_and_run(whole)
    for _ in range(40):
        damaged = {name: bytearray(data) for name, data in members.items()}
        data = damaged[draw.choice(list(damaged))]
        for _ in range(draw.choice((1, 4))):
            data[draw.randrange(min(len(data), draw.choice((200, 10**9))))] = draw.choice((0, 255, draw.randrange(256)))
        if draw.random() < 0.2:
            del data[draw.randrange(len(data)) :]
        load_and_run(archive_of({name: bytes(data) for name, data in damaged.items()}))
        flipped = bytearray(whole)
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        load_and_run(bytes(flipped))
