"""The bulk bench notices an engine that breaks the contract: each fault is planted once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim import bulk
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.spec import LayerSpec, SpecError

FAULTY = (Path(__file__).parent / "faulty.v").read_text()
FAULTS = {
    1: r"no progress for \d+ cycles: frame 0, output beat [56] of 12, input waits",
    2: r"frame 0: no tlast at its end",
    3: r"frame 0: output ends after 4 beats of 12",
    4: r"frame 0: marked bad",
    5: r"an output beat changed while it waited",
    6: r"an output beat changed while it waited",
    7: r"an output beat that belongs to no frame",
    8: r"frame 0: output ends after 11 beats of 12",
    9: r"write [0-9a-f]{8} to [0-9a-f]{4}: response 2",
    10: r"000c holds 00000000, not all bits of 00000001, after \d+ cycles",
    11: r"no progress for \d+ cycles: .*nothing waits",
    12: r"no progress for \d+ cycles: frame 1, output beat 0 of 12, a weight waits",
    13: r"the engine refused a set of weights",
}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> EngineConfig:
    """A kernel that is one weight of 1, and the faulty engine in its place."""
    monkeypatch.setattr(bulk.verilog, "emit", lambda _config: FAULTY)
    layer = LayerSpec(weight=np.ones((1, 1, 1, 1), np.int64), input_shape=(1, 3, 4))
    config = EngineConfig(name="one", layer=layer, templates="none", bias_bits=20)
    assert 16 < config.output_range.bits <= 24
    return config


@pytest.fixture
def images() -> np.ndarray:
    return np.arange(24).reshape(2, 1, 3, 4)


def test_sound_engine(config: EngineConfig, images: np.ndarray, build_dir: Path) -> None:
    result = bulk.simulate(config, images, build_dir=build_dir)
    np.testing.assert_array_equal(result.y, images)
    assert result.frame_cycles.tolist() == [13, 12]
    result = bulk.simulate(config, images, build_dir=build_dir, sink_pause=900, source_pause=900)
    np.testing.assert_array_equal(result.y, images)
    assert min(result.frame_cycles) > 24


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(config: EngineConfig, images: np.ndarray, build_dir: Path, fault: int) -> None:
    with pytest.raises(bulk.SimulationError, match=FAULTS[fault]):
        bulk.simulate(
            config,
            images,
            build_dir=build_dir,
            weight_sets={1: np.ones((1, 1, 1, 1), np.int64)},
            seed=fault,
            sink_pause=500,
        )


@pytest.mark.parametrize("pause", [-1, 1000])
def test_pause_out_of_range(config: EngineConfig, images: np.ndarray, pause: int) -> None:
    with pytest.raises(ValueError, match="sink_pause must be 0 to 999 per mille"):
        bulk.simulate(config, images, sink_pause=pause)


@pytest.mark.parametrize("frame", [0, 2])
def test_a_set_of_weights_for_no_frame(
    config: EngineConfig, images: np.ndarray, frame: int
) -> None:
    with pytest.raises(ValueError, match=f"weight_sets: frames must be 1 to 1, not {frame}"):
        bulk.simulate(config, images, weight_sets={frame: config.learned_weight})


def test_a_set_of_weights_that_does_not_fit(
    config: EngineConfig, images: np.ndarray, build_dir: Path
) -> None:
    with pytest.raises(SpecError, match="weight: expected integers of shape"):
        bulk.simulate(
            config, images, build_dir=build_dir, weight_sets={1: np.zeros((2, 1, 1, 1), np.int64)}
        )


def test_an_engine_without_run_time_weights() -> None:
    config = load_config("mnist-hlac25")
    images = np.zeros((2, *config.layer.input_shape), np.uint8)
    with pytest.raises(ValueError, match="weight_sets: mnist-hlac25 has no run-time weights"):
        bulk.simulate(config, images, weight_sets={1: config.learned_weight})
