"""Keras' batch normalization, run by Keras itself in a process of its own, over PyTorch.

Keras keeps settings in the user's home and changes its process; there it does neither.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile

PROGRAM = """
import inspect, json, sys
import numpy as np
import keras

layer = keras.layers.BatchNormalization
plain = layer()
plain.build((None, 3))
facts = {
    "arguments": [*inspect.signature(layer.__init__).parameters],
    "call": [*inspect.signature(layer.call).parameters],
    "weights": [w.name for w in plain.weights],
    "page": layer.__doc__,
    "defaults": [plain.momentum, plain.epsilon, plain.axis],
    "initial": [float(plain.moving_mean[0]), float(plain.moving_variance[0])],
}
batches = np.array(json.loads(sys.argv[1]))
used = layer(momentum=0.9, dtype="float64")
used.build((None, batches.shape[2]))
facts["trained"] = [used(x, training=True).detach().tolist() for x in batches][-1]
facts["running"] = [used.moving_mean.value.tolist(), used.moving_variance.value.tolist()]
far = np.random.default_rng(0).normal(1e4, 1, size=(64, 3)).astype("float32")
facts["far"] = float(layer(epsilon=1e-5)(far, training=True).std())
facts["evaluated"] = used(batches[0], training=False).detach().tolist()
print(json.dumps(facts))
"""


@functools.cache
def _facts(batches):
    with tempfile.TemporaryDirectory() as home:
        settings = os.environ | {"KERAS_BACKEND": "torch", "KERAS_HOME": home}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, batches],
            env=settings, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def facts(batches=(((0.0, 2.0), (4.0, 2.5)),)):
    """Return names, defaults and results of the layer; ``batches`` has three dimensions.

    The layer that runs has momentum 0.9. "running" are its statistics after all batches,
    "trained" is the last batch's output, "evaluated" the first batch's in evaluation. "far"
    is the standard deviation of the output for 64 values with mean 10,000 and variance 1.
    """
    return _facts(json.dumps(batches))
