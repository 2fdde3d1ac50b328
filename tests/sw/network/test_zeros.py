"""Zero activations and the steps that they make idle, against plain loops."""

import numpy as np
import pytest

from sw.network.config import LayerSettings, NetworkConfig
from sw.network.counters import predict
from sw.network.graph import Conv
from sw.network.plan import MacPlan
from sw.network.planner import plan
from sw.network.reference import trace
from sw.network.zeros import kept_steps, layer_zeros, skipped_steps
from tests.hw.network.networks import conv, small_network


def sparse(rng, shape, share=0.5):
    return rng.integers(1, 256, shape) * (rng.random(shape) < share)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_kept_steps_are_those_with_a_value_and_the_last(rng, channels):
    layer = conv("c", rng, 3, (4, 5, 6))  # 3x3, padded by one
    frames = sparse(rng, (2, 4, 5, 6), 0.2)
    padded = np.pad(frames, ((0, 0), (0, 0), (1, 1), (1, 1)))
    found = kept_steps(frames, layer, MacPlan(kernels=2, channels=channels))
    assert found.shape == (2, 5, 6)
    for n, y, x in np.ndindex(found.shape):
        steps = [
            padded[n, c : c + channels, y + dy, x + dx].any()
            for dy in range(3)
            for dx in range(3)
            for c in range(0, 4, channels)
        ]
        assert found[n, y, x] == sum(steps[:-1]) + 1


def test_what_is_skipped_is_foretold(rng):
    layers = {"conv2": LayerSettings(build="macs", kernels=3, channels=1, skip_zeros=True)}
    config = plan(NetworkConfig(name="n", network=small_network(), layers=layers)).config
    images = sparse(rng, (3, 1, 8, 8))
    skipped = skipped_steps(images, config)
    entering = dict(trace(images, config.network))["pool1"]
    layer = config.network.layers[2]
    assert isinstance(layer, Conv)
    kept = kept_steps(entering, layer, MacPlan(kernels=3))
    assert skipped == {"conv2": 2 * (3 * 16 * 27 - kept.sum())}
    full = predict(plan(NetworkConfig(name="n", network=small_network())).config, 3)
    found = predict(config, 3, skipped).layers["conv2"]
    assert found["skipped"] == skipped["conv2"]
    steps = full.layers["conv2"]["steps"] or 0  # a kernel at a time: four passes, not two
    assert found["steps"] == steps // 2 - skipped["conv2"]
    with pytest.raises(ValueError, match="every layer that skips zeros"):
        predict(config, 3)


def test_zeros_of_every_layer_that_multiplies(rng):
    network = small_network()
    images = sparse(rng, (3, 1, 8, 8))
    found = layer_zeros(images, network)
    assert [layer.layer for layer in found] == ["conv1", "conv2", "dense1"]
    assert found[0].zeros == np.count_nonzero(images == 0)
    assert found[0].values == images.size
    halves = [layer_zeros(part, network)[1] for part in (images[:1], images[1:])]
    assert halves[0] + halves[1] == found[1]
