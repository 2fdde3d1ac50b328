"""EngineLayer: an engine of every kind computes the layer, and bad frames stay bad."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from hw.network.engine_layer import EngineLayer
from sw.config import EngineConfig
from sw.network.graph import Conv, Requantise
from sw.numeric import FixedFormat, IntRange
from sw.part_configs import FoldConfig, OutputConfig, TableConfig
from sw.spec import LayerSpec, Padding
from tests.hw.network.frames import expected, model, to_beats
from tests.hw.streams import PAUSES, run_streams

SPEC = LayerSpec(
    weight=np.random.default_rng(5).integers(-20, 20, (3, 2, 3, 3)),
    input_shape=(2, 5, 4),
    input_format=FixedFormat(bits=8, frac=0, signed=False),
    weight_format=FixedFormat(bits=6, frac=0, signed=True),
    bias=np.array([-300, 0, 999]),
    stride=(2, 1),
    padding=Padding.of([1]),
)
LAYER = Conv(
    name="conv",
    spec=SPEC,
    input_range=IntRange(0, 255),
    requantise=Requantise(multiplier=np.array([3, 1, 7]), shift=5, limits=IntRange(0, 200)),
)
ENGINES = {
    "direct": {"strategy": "direct"},
    "folded": {"strategy": "direct", "fold": FoldConfig(kernels=3, channels=2, taps=9)},
    "value_table": {"strategy": "value_table"},
    "value_cam": {"strategy": "value_cam", "table": TableConfig(entries=4, multipliers=2)},
    "constant": {"strategy": "constant"},
}


def config(**changes) -> EngineConfig:
    return EngineConfig(name="e", layer=SPEC, templates="none", bias_bits=12, **changes)


def check(layer, engine, pause):
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (4, 2, 5, 4))
    bad = [False, True, True, False]
    pairs = list(zip(frames, bad, strict=True))
    dut = EngineLayer(layer, engine)
    sent = list(chain(*(to_beats(f, 2, bad=b) for f, b in pairs)))
    wanted = list(chain(*(expected(model(layer, f), 3, bad=b) for f, b in pairs)))
    assert run_streams(dut, {"i": sent}, pause=pause, settle=200)["o"] == wanted


@pytest.mark.parametrize("engine", ENGINES)
def test_exact_engine_with_any_requantiser(engine):
    check(LAYER, config(**ENGINES[engine]), PAUSES[0])


@pytest.mark.parametrize("pause", PAUSES)
def test_requantising_engine(pause):
    how = Requantise(multiplier=np.ones(3, np.int64), shift=6, limits=IntRange(0, 255))
    output = OutputConfig(kind="requantise", bits=8, signed=False, shift=6)
    engine = config(strategy="direct", fold=FoldConfig(taps=3), output=output)
    check(replace(LAYER, requantise=how), engine, pause)
