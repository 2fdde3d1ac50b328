"""Small layers and engine configurations for the tests of blocks, plain and from Hypothesis."""

import numpy as np
from hypothesis import strategies as st

from sw.config import EngineConfig
from sw.numeric import FixedFormat
from sw.part_configs import OutputConfig, TableConfig
from sw.spec import LayerSpec, Padding

__all__ = ["layers", "make_config", "make_layer", "random_pixels"]


def make_layer(
    *,
    kernels=1,
    channels=1,
    kernel_shape=(1, 1),
    frame=(4, 5),
    stride=(1, 1),
    padding=(0, 0, 0, 0),
    input_bits=8,
    input_signed=False,
    weight_bits=9,
    seed=0,
    **more,
):
    """A layer with random weights; ``padding`` is (top, left, bottom, right)."""
    weight_format = FixedFormat(bits=weight_bits, frac=0, signed=True)
    limits = weight_format.range
    rng = np.random.default_rng(seed)
    shape = (kernels, channels, *kernel_shape)
    return LayerSpec(
        weight=rng.integers(limits.lo, limits.hi, shape, endpoint=True),
        input_shape=(channels, *frame),
        input_format=FixedFormat(bits=input_bits, frac=0, signed=input_signed),
        weight_format=weight_format,
        stride=stride,
        padding=Padding.of(padding),
        **more,
    )


def make_config(layer, *, entries=4, multipliers=4, templates="none", table=None, **more):
    """An engine for ``layer``; all of its kernels are learned unless told otherwise.

    ``table``: a dict of more fields of the table.
    """
    return EngineConfig(
        name="test",
        layer=layer,
        templates=templates,
        table=TableConfig(entries=entries, multipliers=multipliers, **(table or {})),
        output=more.pop("output", OutputConfig()),
        **more,
    )


def random_pixels(rng, layer, count, *, values=None):
    """``count`` pixels, each a list of C values; with ``values`` only so many different ones."""
    limits = layer.input_format.range
    pool = range(limits.lo, limits.hi + 1)
    if values is not None:
        pool = rng.sample(pool, min(values, len(pool)))
    return [[rng.choice(pool) for _ in range(layer.channels)] for _ in range(count)]


@st.composite
def _axis(draw, *, kernel, frame):
    """(padding before, padding after, frame, kernel) where the kernel fits."""
    before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    size = draw(st.integers(1, frame))
    return before, after, size, draw(st.integers(1, min(kernel, before + size + after)))


@st.composite
def layers(draw, *, kernels=3, channels=3, kernel=4, frame=7):
    """Layers up to these sizes."""
    top, bottom, height, kernel_height = draw(_axis(kernel=kernel, frame=frame))
    left, right, width, kernel_width = draw(_axis(kernel=kernel, frame=frame))
    return make_layer(
        kernels=draw(st.integers(1, kernels)),
        channels=draw(st.integers(1, channels)),
        kernel_shape=(kernel_height, kernel_width),
        frame=(height, width),
        stride=draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        padding=(top, left, bottom, right),
        input_bits=draw(st.integers(4, 9)),
        input_signed=draw(st.booleans()),
        weight_bits=draw(st.integers(4, 9)),
        seed=draw(st.integers(0, 999)),
    )
