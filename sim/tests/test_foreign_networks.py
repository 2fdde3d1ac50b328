"""Networks whose models are not ours, through the RTL: the golden integers, the file's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.network import simulate_network
from sw.network.config import NetworkConfig
from sw.network.graph import Network
from sw.network.onnx_import import import_network
from sw.network.planner import plan
from sw.network.reference import run
from tests.sw.network.test_foreign import ARCHITECTURES, KINDS, quantised

SLOW_EXPORTS = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("qonnx-channel", "qcdq-normalised")
]
BREVITAS = Path(__file__).parents[2] / "tests/sw/network/brevitas"


def through_the_rtl(network: Network, build_dir: Path, seed: int, frames: int = 3) -> None:
    """Compare a few frames of any words."""
    config = plan(NetworkConfig(name="foreign", network=network)).config
    limits, zero = network.input_range, network.input_zero_point
    shape = (frames, *network.input_shape)
    images = np.random.default_rng(seed).integers(limits.lo, limits.hi + 1, shape) + zero
    found = simulate_network(config, images, build_dir=build_dir, sink_pause=200, seed=seed)
    for name, values in run(images, network).arrays.items():
        np.testing.assert_array_equal(found.outputs.arrays[name], values)


@pytest.mark.parametrize("name", ["qcdq-low", *SLOW_EXPORTS])
def test_brevitas(name: str, build_dir: Path, seed: int) -> None:
    through_the_rtl(import_network(BREVITAS / f"{name}.onnx").network, build_dir, seed)


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [
        ("strides", "signed"),
        pytest.param("averages", "unsigned", marks=pytest.mark.slow),
        pytest.param("without relu", "symmetric", marks=pytest.mark.slow),
    ],
)
def test_onnxruntimes_quantiser(
    architecture: str, kind: str, build_dir: Path, seed: int, tmp_path: Path
) -> None:
    assert architecture in ARCHITECTURES
    words, extra = KINDS[kind]
    options = {"activation_type": words, "per_channel": True, "extra_options": extra}
    path, _ = quantised(tmp_path, architecture, 7, **options)
    through_the_rtl(import_network(path).network, build_dir, seed)
