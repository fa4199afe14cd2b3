"""LeNet-5 trained by tf.distribute: ``python distributed_lenet.py one|mirrored|workers scripts`` prints its losses.

A step is written out, as TensorFlow's guide to custom training has it: Keras 3 cannot `fit` on several workers.
"""

import json
import sys

import tensorflow as tf

BATCH = 32


def strategy(kind):
    if kind == "workers":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if kind == "one":
        return tf.distribute.get_strategy()
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def losses(spread, images=128, epochs=2):
    import keras
    import lenet5

    (x, y), _ = lenet5.prepare(images=images)
    keras.utils.set_random_seed(3)
    with spread.scope():
        model = lenet5.build()
        model.optimizer.build(model.trainable_variables)
    batches = spread.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH))
    loss_of = keras.losses.SparseCategoricalCrossentropy(reduction="sum")

    def part(images, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images, training=True)) / BATCH
        model.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    @tf.function
    def step(batch):
        return spread.reduce("SUM", spread.run(part, args=batch), axis=None)

    return [float(step(batch)) for _ in range(epochs) for batch in batches], type(model.layers[0]).__module__


if __name__ == "__main__":
    spread = strategy(sys.argv[1])  # before anything else that uses TensorFlow
    sys.path.insert(0, sys.argv[2])
    found, module = losses(spread)
    print(json.dumps({"losses": found, "layers": module, "replicas": spread.num_replicas_in_sync}))
