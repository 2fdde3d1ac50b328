"""Networks in the bench: the golden integers at any pace, the planned pace, new weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.network import simulate_network
from sw.network.config import LayerSettings, NetworkConfig
from sw.network.planner import cycles_of, plan
from sw.network.reference import run
from sw.part_configs import FoldConfig
from tests.hw.network.networks import small_network

FRAMES = 6
ENGINE = LayerSettings(build="engine", strategy="direct")
MACS = LayerSettings(build="macs")
SKIPPING = LayerSettings(build="macs", skip_zeros=True)
BUILDS = {
    "smallest": NetworkConfig(
        name="n", network=small_network(), layers=dict.fromkeys(("conv1", "conv2"), MACS)
    ),
    "fast": NetworkConfig(name="n", network=small_network(), board="ulx3s-85f", rate=200_000),
    "engines": NetworkConfig(
        name="n",
        network=small_network(channels=2),
        layers={"conv1": ENGINE, "conv2": replace(ENGINE, fold=FoldConfig(kernels=4))},
    ),
    "skipping": NetworkConfig(
        name="n",
        network=small_network(),
        layers=dict.fromkeys(("conv1", "conv2", "dense1"), SKIPPING),
    ),
}


def images_for(config: NetworkConfig, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (FRAMES, *config.network.input_shape))


@pytest.mark.parametrize("build", BUILDS)
def test_golden_integers_at_any_pace(build: str, build_dir: Path, seed: int) -> None:
    config = plan(BUILDS[build]).config
    images = images_for(config, seed)
    expected = run(images, config.network)
    for source, sink in [(0, 0), (500, 0), (0, 900), (300, 700)]:
        found = simulate_network(
            config, images, build_dir=build_dir, source_pause=source, sink_pause=sink, seed=seed
        )
        for name, values in expected.arrays.items():
            np.testing.assert_array_equal(found.outputs.arrays[name], values)
        assert found.counters.frames == FRAMES
        assert found.counters.frame_errors == 0


@pytest.mark.parametrize("build", BUILDS)
def test_as_fast_as_planned(build: str, build_dir: Path, seed: int) -> None:
    """The rows that a layer keeps are queue enough: the chain has the pace that was foretold."""
    config = plan(BUILDS[build]).config
    found = simulate_network(config, images_for(config, seed), build_dir=build_dir)
    steady = found.frame_cycles[2:]
    assert steady.max() <= 1.05 * cycles_of(config) + 20
    less = any(x.build == "engine" or x.skip_zeros for x in config.layers.values())
    assert less or steady.min() >= 0.9 * cycles_of(config)


@pytest.mark.parametrize("build", ["smallest", "engines"])
def test_other_weights(build: str, build_dir: Path, seed: int) -> None:
    config = plan(BUILDS[build]).config
    channels = config.network.input_shape[0]
    other = replace(config, network=small_network(channels=channels, seed=8))
    images = images_for(config, seed)
    found = simulate_network(config, images, build_dir=build_dir, weights=other)
    expected = run(images, other.network)
    for name, values in expected.arrays.items():
        np.testing.assert_array_equal(found.outputs.arrays[name], values)
    assert (expected.frames != run(images, config.network).frames).any()
