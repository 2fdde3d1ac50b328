"""The counters of a network's RTL are those that the golden model foretells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.network import simulate_network
from sw.network.config import LayerSettings, NetworkConfig
from sw.network.counters import COUNTER_MODULUS, predict
from sw.network.planner import plan
from sw.network.zeros import skipped_steps
from sw.part_configs import FoldConfig
from tests.hw.network.networks import small_network

ENGINE = LayerSettings(build="engine", strategy="direct", fold=FoldConfig(kernels=2))
FRAMES = 4
ZEROS = 0.6
MACS = LayerSettings(build="macs")
SKIPPING = LayerSettings(build="macs", kernels=2, channels=1, skip_zeros=True)


@pytest.mark.parametrize(
    "layers",
    [
        {"conv1": MACS, "conv2": MACS},
        {"conv1": ENGINE, "conv2": ENGINE},
        {"conv1": SKIPPING, "dense1": SKIPPING},
    ],
    ids=["macs", "engines", "skipping"],
)
def test_counters(layers: dict[str, LayerSettings], build_dir: Path, seed: int) -> None:
    wished = NetworkConfig(name="n", network=small_network(channels=2), layers=layers)
    config = plan(wished).config
    shape = (FRAMES, *config.network.input_shape)
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, shape) * (rng.random(shape) < ZEROS)
    shown = simulate_network(config, images, build_dir=build_dir, sink_pause=300).counters
    foretold = predict(config, FRAMES, skipped_steps(images, config))
    for layer in shown.layers.values():
        assert 0 <= (layer.pop("waits") or 0) < COUNTER_MODULUS
    for layer in foretold.layers.values():
        assert layer.pop("waits") is None
    assert (shown.cycles or 0) > 0
    assert replace(shown, cycles=None) == foretold
