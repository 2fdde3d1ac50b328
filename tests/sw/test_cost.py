"""The cost model's parts that are counted: memories, multipliers, cycles."""

from dataclasses import replace

import numpy as np
import pytest

from sw.config import EngineConfig
from sw.cost import cycles_per_frame, estimate, memory, quantities
from sw.part_configs import FoldConfig, OutputConfig, TableConfig
from sw.spec import LayerSpec
from sw.strategies import fill_cycles


def config(**settings):
    weight = np.random.default_rng(1).integers(-99, 100, (5, 3, 3, 3))
    layer = LayerSpec(weight=weight, input_shape=(3, 10, 20))
    return EngineConfig(name="cost", layer=layer, **{"strategy": "direct"} | settings)


@pytest.mark.parametrize(
    ("width", "depth", "blocks", "tables"),
    [
        (36, 512, 1, 0),
        (36, 513, 2, 0),
        (37, 512, 2, 0),
        (1, 16384, 1, 0),
        (18, 1024, 1, 0),
        (4, 16, 0, 4),
        (5, 17, 0, 16 + 5),
        (36, 3584, 7, 36 * 7 / 2),
        (100, 4096, 24, 100 * 2 / 2),
    ],
)
def test_a_memory_is_of_blocks_or_of_tables(width, depth, blocks, tables):
    assert memory(width, depth) == (blocks, tables)


def test_a_small_memory_can_be_asked_to_be_of_blocks():
    assert memory(40, 8, block=True) == (2, 0)


@pytest.mark.parametrize(
    ("settings", "dsp"),
    [
        ({}, 5 * 3 * 9),
        ({"fold": FoldConfig(kernels=2, channels=3, taps=4)}, 3 * 1 * 3),
        ({"strategy": "value_table"}, 0),
        ({"strategy": "value_cam", "table": TableConfig(multipliers=4)}, 4),
        ({"strategy": "value_table", "output": OutputConfig(kind="requantise", scale_bits=8)}, 5),
    ],
)
def test_multipliers_are_counted(settings, dsp):
    assert estimate(config(**settings)).dsp == dsp


def test_cycles_are_those_of_the_beats():
    assert cycles_per_frame(config(strategy="value_table")) == 200
    folded = FoldConfig(kernels=5, channels=3)
    assert cycles_per_frame(config(strategy="split_table", fold=folded)) == 200 * 15
    # Nine times what the last result of a row is waited for: 6 cycles, and 4 levels of adders,
    # less the two beats that come meanwhile.
    assert cycles_per_frame(config(fold=folded)) == 2 * 56 + 8 * 18 * 15 + 9 * 8 + 13
    cam = config(strategy="value_cam")
    assert cycles_per_frame(cam, misses_per_beat=0.5) == 200 * (1 + 0.5 * fill_cycles(cam))


def test_templates_alone_take_a_cycle_a_beat():
    layer = LayerSpec(weight=np.array([[[[3, -3]]]]), input_shape=(1, 2, 4))
    assert cycles_per_frame(EngineConfig(name="x", layer=layer)) == 8


def test_more_of_anything_is_more():
    base = quantities(config())
    for more in (
        replace(config(), bias_bits=8),
        replace(config(), output=OutputConfig(kind="requantise")),
        replace(config(), fold=FoldConfig(taps=3)),
    ):
        assert quantities(more) != base
