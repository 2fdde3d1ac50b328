"""Layers of all shapes, from Hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from sw.network.graph import Conv, Dense, Pool, Requantise
from sw.numeric import FixedFormat, IntRange
from sw.spec import LayerSpec, Padding


def _paddings(kernel: tuple[int, int]) -> st.SearchStrategy[Padding]:
    high, wide = kernel[0] - 1, kernel[1] - 1
    sides = [st.integers(0, min(most, 3)) for most in (high, high, wide, wide)]
    return st.tuples(*sides).map(lambda p: Padding(top=p[0], bottom=p[1], left=p[2], right=p[3]))


@st.composite
def requantisers(draw: Any, channels: int) -> Requantise:
    """Any multipliers and limits."""
    alike = draw(st.booleans())
    factors = [1] * channels if alike else [draw(st.integers(0, 999)) for _ in range(channels)]
    low, high = sorted(draw(st.tuples(st.integers(-300, 300), st.integers(-300, 300))))
    shift = draw(st.integers(0, 6 if alike else 14))
    limits = IntRange(low, high)
    return Requantise(multiplier=np.array(factors, np.int64), shift=shift, limits=limits)


@st.composite
def windowed(draw: Any) -> dict[str, Any]:
    """Kernel, stride, padding and frame that fit."""
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(_paddings(kernel))
    channels = draw(st.integers(1, 4))
    least = max(kernel[0] - padding.top - padding.bottom, 1)
    wide = max(kernel[1] - padding.left - padding.right, 1)
    size = draw(st.tuples(st.integers(least, least + 4), st.integers(wide, wide + 4)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    shape = (channels, *size)
    return {"input_shape": shape, "kernel": kernel, "stride": stride, "padding": padding}


@st.composite
def pools(draw: Any) -> Pool:
    """Pools of both kinds."""
    window, kind = draw(windowed()), draw(st.sampled_from(["max", "average"]))
    limits = draw(st.sampled_from([IntRange(0, 255), IntRange(-128, 127), IntRange(-3, 12)]))
    how = requantisers(window["input_shape"][0])
    finish = draw(how if kind == "average" else st.one_of(st.none(), how))
    return Pool(name="pool", kind=kind, input_range=limits, requantise=finish, **window)


@st.composite
def convolutions(draw: Any) -> Conv:
    """Convolutions of all shapes."""
    window = draw(windowed())
    kernels, bits = draw(st.integers(1, 5)), draw(st.integers(4, 9))
    signed = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (kernels, window["input_shape"][0], *window["kernel"])
    half = 1 << (bits - 1)
    bias = rng.integers(-5000, 5000, kernels) if draw(st.booleans()) else None
    spec = LayerSpec(
        weight=rng.integers(-half, half, shape),
        input_shape=window["input_shape"],
        input_format=FixedFormat(bits=8, frac=0, signed=signed),
        weight_format=FixedFormat(bits=bits, frac=0, signed=True),
        bias=bias,
        stride=window["stride"],
        padding=window["padding"],
    )
    how = draw(st.one_of(st.none(), requantisers(kernels)))
    return Conv(name="conv", spec=spec, input_range=spec.input_format.range, requantise=how)


@st.composite
def dense_layers(draw: Any) -> Dense:
    """Dense layers of all shapes."""
    outputs, channels = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bias = rng.integers(-(10**6), 10**6, outputs) if draw(st.booleans()) else None
    weight = rng.integers(-128, 128, (outputs, channels, *size))
    how = draw(st.one_of(st.none(), requantisers(outputs)))
    limits = draw(st.sampled_from([IntRange(0, 255), IntRange(-128, 127)]))
    return Dense(name="dense", weight=weight, bias=bias, input_range=limits, requantise=how)
