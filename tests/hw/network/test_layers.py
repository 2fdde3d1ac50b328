"""MacLayer and PoolLayer: every shape, under every pace, against plain sums."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hw.network.mac_layer import MacLayer
from hw.network.pool_layer import PoolLayer
from sw.network.graph import Conv, Dense, Pool
from sw.network.plan import MacPlan, PoolPlan
from tests.hw.network.frames import expected, model, to_beats
from tests.hw.network.layers import convolutions, dense_layers, pools
from tests.hw.streams import PAUSES, Pause, matches, run_streams

pauses = st.sampled_from(PAUSES)


def run(
    dut: Any,
    layer: Conv | Dense | Pool,
    pause: tuple[Pause, Pause],
    seed: int,
    zeros: float = 0,
) -> None:
    """Three frames, the second bad, come out as the model has them; a share of values is zero."""
    rng = np.random.default_rng(seed)
    limits = layer.input_range
    frames = rng.integers(limits.lo, limits.hi + 1, (3, *layer.input_shape))
    frames[rng.random(frames.shape) < zeros] = 0
    lanes_in, lanes_out = dut.geometry.lanes, dut.requantise.lanes
    bad = [False, True, False]
    inputs = [to_beats(f, lanes_in, bad=b) for f, b in zip(frames, bad, strict=True)]
    wanted = [expected(model(layer, f), lanes_out, bad=b) for f, b in zip(frames, bad, strict=True)]
    result = run_streams(dut, {"i": list(chain(*inputs))}, pause=pause)["o"]
    assert len(result) == sum(map(len, wanted))
    for beat, want in zip(result, chain(*wanted), strict=True):
        assert matches(beat, want), (beat, want)


@st.composite
def mac_plans(draw: Any, layer: Conv | Dense) -> MacPlan:
    return MacPlan(
        kernels=draw(st.integers(1, layer.output_shape[0])),
        channels=draw(st.integers(1, layer.input_shape[0])),
        spare_rows=draw(st.integers(0, 3)),
    )


@given(data=st.data(), layer=st.one_of(convolutions(), dense_layers()), pause=pauses)
@settings(max_examples=60, deadline=None)
def test_mac_layer(data, layer, pause):
    plan = data.draw(mac_plans(layer))
    run(MacLayer(layer, plan), layer, pause, data.draw(st.integers(0, 999)))


@st.composite
def skipping_plans(draw: Any, layer: Conv | Dense) -> MacPlan:
    kernels, channels = layer.output_shape[0], layer.input_shape[0]
    return MacPlan(
        kernels=draw(st.integers(1, kernels - 1)),
        channels=draw(st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0])),
        spare_rows=draw(st.integers(0, 3)),
        skip_zeros=True,
    )


@given(data=st.data(), layer=st.one_of(convolutions(), dense_layers()), pause=pauses)
@settings(max_examples=30, deadline=None)
def test_mac_layer_that_skips_zeros(data, layer, pause):
    assume(layer.output_shape[0] > 1)
    plan = data.draw(skipping_plans(layer))
    zeros = data.draw(st.sampled_from([0, 0.3, 0.8, 1]))
    run(MacLayer(layer, plan), layer, pause, data.draw(st.integers(0, 999)), zeros)


@given(data=st.data(), layer=pools(), pause=pauses)
@settings(max_examples=60, deadline=None)
def test_pool_layer(data, layer, pause):
    plan = PoolPlan(
        channels=data.draw(st.integers(1, layer.input_shape[0])),
        spare_rows=data.draw(st.integers(0, 3)),
    )
    run(PoolLayer(layer, plan), layer, pause, data.draw(st.integers(0, 999)))
