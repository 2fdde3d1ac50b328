"""Images to beats and beats to outputs, against words put together bit by bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sw import packing
from sw.config import EngineConfig
from sw.images import Images
from tests.strategies import engine_configs, images_for


def _word(values: list[int], bits: int) -> int:
    """Values side by side, the first in the low bits."""
    return sum((value & ((1 << bits) - 1)) << (n * bits) for n, value in enumerate(values))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[EngineConfig, Images]:
    config = draw(engine_configs())
    return config, draw(images_for(config))


@given(_cases())
def test_images_are_packed_channel_0_low(case: tuple[EngineConfig, Images]) -> None:
    config, images = case
    packed = packing.pack_images(images, config)
    bits, width = config.layer.input_format.bits, packing.input_bytes(config)
    pixels = images.reshape(*images.shape[:2], -1).transpose(0, 2, 1)
    expected = [
        [list(_word(pixel.tolist(), bits).to_bytes(width, "little")) for pixel in frame]
        for frame in pixels
    ]
    assert packed.tolist() == expected


@given(engine_configs(), st.integers(1, 3), st.integers(0, 3), st.integers(0, 1 << 16))
def test_outputs_are_unpacked(config: EngineConfig, frames: int, spare: int, seed: int) -> None:
    limits, bits = config.output_range, max(config.output_range.bits, 1)
    kernels, rows, columns = config.layer.output_shape
    rng = np.random.default_rng(seed)
    shape = (frames, rows * columns, kernels)
    outputs = rng.integers(limits.lo, limits.hi, shape, endpoint=True)
    outputs[0, 0, 0], outputs[-1, -1, -1] = limits.lo, limits.hi
    width = packing.output_bytes(config)
    beats = [
        [list(_word(beat, bits).to_bytes(width + spare, "little")) for beat in frame]
        for frame in outputs.tolist()
    ]
    found = packing.unpack_output(np.array(beats, np.uint8), config)
    expected = outputs.transpose(0, 2, 1).reshape(frames, kernels, rows, columns)
    np.testing.assert_array_equal(found, expected)


@given(engine_configs(), st.integers(0, 1 << 16))
def test_weights_are_packed_in_the_order_of_a_set(config: EngineConfig, seed: int) -> None:
    if not config.learned:
        return
    limits = config.layer.weight_format.range
    shape = config.learned_weight.shape
    weight = np.random.default_rng(seed).integers(limits.lo, limits.hi, shape, endpoint=True)
    width = packing.weight_bytes(config)
    assert width == (1 if config.layer.weight_format.bits <= 8 else 2)
    kernels, channels, rows, columns = shape
    expected = [
        list(int(weight[n, c, i, j]).to_bytes(width, "little", signed=True))
        for c in range(channels)
        for n in range(kernels)
        for i in range(rows)
        for j in range(columns)
    ]
    assert packing.pack_weights(weight, config).tolist() == expected
