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
from sw.part_configs import FoldConfig
from tests.hw.network.networks import small_network

ENGINE = LayerSettings(build="engine", strategy="direct", fold=FoldConfig(kernels=2))
FRAMES = 4


@pytest.mark.parametrize(
    "layers", [{}, {"conv1": ENGINE, "conv2": ENGINE}], ids=["macs", "engines"]
)
def test_counters(layers: dict[str, LayerSettings], build_dir: Path, seed: int) -> None:
    wished = NetworkConfig(name="n", network=small_network(channels=2), layers=layers)
    config = plan(wished).config
    shape = (FRAMES, *config.network.input_shape)
    images = np.random.default_rng(seed).integers(0, 256, shape)
    shown = simulate_network(config, images, build_dir=build_dir, sink_pause=300).counters
    foretold = predict(config, FRAMES)
    for layer in shown.layers.values():
        assert 0 <= (layer.pop("waits") or 0) < COUNTER_MODULUS
    for layer in foretold.layers.values():
        assert layer.pop("waits") is None
    assert (shown.cycles or 0) > 0
    assert replace(shown, cycles=None) == foretold
