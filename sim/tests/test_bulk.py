"""The RTL, in bulk: named engines on real images, and layers that nobody chose."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st

from hw.targets import verilog
from sim.bulk import SimulationResult, simulate
from sw import reference, reuse
from sw.config import STRATEGIES, EngineConfig
from sw.configfile import load_config
from sw.data import load_samples
from sw.images import Images
from sw.numeric import IntArray, IntRange
from sw.part_configs import TableConfig
from sw.spec import LayerSpec
from tests.strategies import engine_configs, images_for, layers

_INITIAL = re.compile(r"^(  reg (?:\[\S+\] )?\S+ ?) = \d+'h[0-9a-f]+;$", re.MULTILINE)
"""A register's initial value in the RTL's Verilog."""
NAMED = ["tiny", "mnist-layer1", "cifar10-layer1", "cifar10-layer1-smallest"]

# Each example is an engine to compile: few, not minimised. Hypothesis starts with the simplest,
# which is the same every time and so is compiled once; the second is random.
TWO_ENGINES = settings(
    max_examples=2,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _images(config: EngineConfig, count: int) -> Images:
    if config.name == "tiny":
        rng = np.random.default_rng(count)
        return rng.integers(0, 40, (count, *config.layer.input_shape))
    return load_samples("mnist" if config.name.startswith("mnist") else "cifar10").images[:count]


def _check(result: SimulationResult, images: Images, config: EngineConfig) -> None:
    """Outputs and counters must be those of the golden model."""
    np.testing.assert_array_equal(result.y, reference.run(images, config))
    assert replace(result.counters, cycles=None) == reuse.predict(images, config)
    assert len(result.frame_cycles) == len(images)


@pytest.mark.parametrize("name", NAMED)
def test_named_engine(name: str, build_dir: Path, seed: int) -> None:
    config = load_config(name)
    images = _images(config, 40)
    _check(simulate(config, images, build_dir=build_dir), images, config)
    for source, sink in ((300, 0), (0, 300), (500, 500)):
        result = simulate(
            config,
            images[:12],
            build_dir=build_dir,
            source_pause=source,
            sink_pause=sink,
            seed=seed,
        )
        _check(result, images[:12], config)


@pytest.mark.parametrize("strategy", ["value_cam", "value_table"])
def test_outputs_wait_in_memory(strategy: str, build_dir: Path, seed: int) -> None:
    """The second sends its beats on a long way, with room kept for their outputs."""
    settings = ['output.queue="memory"', f'strategy="{strategy}"']
    config = load_config("tiny", assignments=settings)
    images = _images(config, 12)
    for source, sink in ((0, 0), (0, 500), (500, 500)):
        result = simulate(
            config, images, build_dir=build_dir, source_pause=source, sink_pause=sink, seed=seed
        )
        _check(result, images, config)


def _weight_sets(config: EngineConfig, frames: list[int], seed: int) -> dict[int, IntArray]:
    limits = config.layer.weight_format.range
    rng = np.random.default_rng(seed)
    shape = config.learned_weight.shape
    return {frame: rng.integers(limits.lo, limits.hi, shape, endpoint=True) for frame in frames}


def _check_sets(
    config: EngineConfig, images: Images, sets: dict[int, IntArray], **settings: Any
) -> None:
    """Frame by frame the golden model with the set that counts; each swap empties the table."""
    result = simulate(config, images, weight_sets=sets, **settings)
    active = {0: config.learned_weight, **sets}
    ends = [*list(active)[1:], len(images)]
    model = reuse.CounterModel(config)
    for (start, weight), end in zip(active.items(), ends, strict=True):
        expected = reference.run(images[start:end], config.with_weights(weight))
        np.testing.assert_array_equal(result.y[start:end], expected, f"frames {start} to {end}")
        model.flush()
        model.feed(images[start:end])
    assert replace(result.counters, cycles=None) == model.counters


@pytest.mark.parametrize("name", NAMED)
def test_weights_change_while_frames_stream(name: str, build_dir: Path, seed: int) -> None:
    """Also before every frame, and however long the pauses make a set last."""
    config = load_config(name)
    images = _images(config, 12)
    for source, sink, frames in ((0, 0, [5]), (300, 0, [1, 2, 9, 11]), (0, 600, [*range(1, 12)])):
        sets = _weight_sets(config, frames, seed)
        pauses = {"source_pause": source, "sink_pause": sink, "seed": seed}
        _check_sets(config, images, sets, build_dir=build_dir, **pauses)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_weights_change_whatever_registers_begin_with(
    strategy: str, build_dir: Path, seed: int
) -> None:
    """In standard cells they begin anyhow: what may not, has a reset."""
    config = load_config("tiny", assignments=[f'strategy="{strategy}"'])
    netlist, count = _INITIAL.subn(r"\1;", verilog.emit(config))
    assert count > 100
    images = _images(config, 9)
    sets = _weight_sets(config, [1, 2, 5, 8], seed) if config.run_time_weights else {}
    for n, pause in enumerate((0, 300, 0, 300)):
        pauses = {"source_pause": pause, "sink_pause": pause, "seed": seed + n}
        _check_sets(config, images, sets, build_dir=build_dir, gates=netlist, **pauses)


def test_weights_change_between_frames_of_one_pixel(build_dir: Path, seed: int) -> None:
    """The shortest frames there are, with more weights than pixels."""
    layer = LayerSpec(weight=np.ones((3, 2, 1, 1), np.int64), input_shape=(2, 1, 1))
    config = EngineConfig(name="pixel", layer=layer, templates="none")
    images = np.random.default_rng(seed).integers(0, 256, (30, 2, 1, 1))
    sets = _weight_sets(config, [1, 2, 3, 8, 20, 29], seed)
    for source, sink in ((0, 0), (0, 700), (700, 0)):
        pauses = {"source_pause": source, "sink_pause": sink, "seed": seed}
        _check_sets(config, images, sets, build_dir=build_dir, **pauses)


def test_magnitudes_in_registers(build_dir: Path, seed: int) -> None:
    config = load_config("tiny", assignments=['template_scale="register"', "bias_bits=12"])
    assert config.magnitude_bits
    images = _images(config, 20)
    for pause in (0, 400):
        result = simulate(
            config, images, build_dir=build_dir, source_pause=pause, sink_pause=pause, seed=seed
        )
        _check(result, images, config)


@pytest.mark.slow
def test_plain_engine(build_dir: Path) -> None:
    config = load_config("cifar10-layer1-plain")
    images = _images(config, 20)
    _check(simulate(config, images, build_dir=build_dir), images, config)


def test_one_pixel_a_clock_and_hardly_a_multiplication(build_dir: Path) -> None:
    config = load_config("cifar10-layer1")
    images = _images(config, 1000)
    result = simulate(config, images, build_dir=build_dir)
    _check(result, images, config)
    assert result.frame_cycles[500:].max() <= 32 * 32 + 64
    counters = result.counters
    assert counters.multiplications_executed <= counters.multiplications_needed / 1000


def _plain_convolution(images: Images, layer: LayerSpec) -> IntArray:
    """One product at a time for all images and positions: nothing of the golden model."""
    pads = layer.padding
    around = ((0, 0), (0, 0), (pads.top, pads.bottom), (pads.left, pads.right))
    padded = np.pad(images.astype(np.int64), around)
    kernels, rows, columns = layer.output_shape
    down, right = layer.stride
    outputs = np.zeros((len(images), kernels, rows, columns), np.int64)
    for k, c, i, j in np.ndindex(layer.weight.shape):
        cells = padded[:, c, i : i + (rows - 1) * down + 1, j : j + (columns - 1) * right + 1]
        outputs[:, k] += layer.weight[k, c, i, j] * cells[:, ::down, ::right]
    if layer.bias is not None:
        outputs += layer.bias[:, np.newaxis, np.newaxis]
    return outputs


def _plain_engine(layer: LayerSpec, table: TableConfig) -> EngineConfig:
    """What a user gets for a layer without saying more."""
    bias_bits = 0
    if layer.bias is not None:
        bias_bits = IntRange(min(int(layer.bias.min()), -1), max(int(layer.bias.max()), 0)).bits
    return EngineConfig(name="random", layer=layer, bias_bits=bias_bits, table=table)


def _random_layers(build_dir: Path, seed: int) -> None:
    """A random layer, on random images, is a plain integer convolution."""
    tables = st.builds(
        TableConfig, entries=st.integers(1, 64), multipliers=st.sampled_from([1, 2, 8, 64])
    )

    @with_seed(seed)
    @TWO_ENGINES
    @given(layers(max_kernels=4, max_kernel_side=5), tables, st.data())
    def check(layer: LayerSpec, table: TableConfig, data: st.DataObject) -> None:
        config = _plain_engine(layer, table)
        images = data.draw(images_for(config, min_frames=3, max_frames=5))
        for pause in (0, 400):
            result = simulate(
                config,
                images,
                build_dir=build_dir,
                source_pause=pause,
                sink_pause=pause,
                seed=seed,
            )
            np.testing.assert_array_equal(result.y, _plain_convolution(images, layer))
            assert replace(result.counters, cycles=None) == reuse.predict(images, config)

    check()


def _random_engines(build_dir: Path, seed: int) -> None:
    """A random engine, with whatever output, is the golden model."""

    @with_seed(seed)
    @TWO_ENGINES
    @given(engine_configs(layers(max_kernels=4, max_kernel_side=5), max_entries=40), st.data())
    def check(config: EngineConfig, data: st.DataObject) -> None:
        images = data.draw(images_for(config, min_frames=3, max_frames=5))
        result = simulate(config, images, build_dir=build_dir, sink_pause=300, seed=seed)
        _check(result, images, config)

    check()


@pytest.mark.parametrize("number", range(3))
def test_random_layer(number: int, build_dir: Path, seed: int) -> None:
    _random_layers(build_dir, 1000 * seed + number)


@pytest.mark.parametrize("number", range(3))
def test_random_engine(number: int, build_dir: Path, seed: int) -> None:
    _random_engines(build_dir, 1000 * seed + number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3, 40))
def test_more_random_layers(number: int, build_dir: Path, seed: int) -> None:
    _random_layers(build_dir, 1000 * seed + number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3, 40))
def test_more_random_engines(number: int, build_dir: Path, seed: int) -> None:
    _random_engines(build_dir, 1000 * seed + number)
