"""Hypothesis strategies for layers, engine configurations and images; they shrink to small ones."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from sw.config import EngineConfig
from sw.images import Images
from sw.numeric import FixedFormat, IntArray, IntRange
from sw.part_configs import OutputConfig, TableConfig
from sw.spec import LayerSpec, Padding
from sw.templates import find_templates

__all__ = ["engine_configs", "images_for", "layers"]

KERNEL_KINDS = ("learned", "two-valued", "ternary", "same mask", "zero", "extreme")
IMAGE_KINDS = ("zero", "few values", "any", "extreme")


def _generator(draw: st.DrawFn) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 1 << 16)))


def _kernel(
    kind: str, shape: tuple[int, int, int], limits: IntRange, rng: np.random.Generator
) -> IntArray:
    """One kernel (C, kh, kw); the template kinds are templates if they have two cells or more."""
    magnitude = int(rng.integers(1, limits.hi + 1))
    match kind:
        case "learned":
            return rng.integers(limits.lo, limits.hi, shape, endpoint=True)
        case "two-valued":
            return magnitude * rng.choice((-1, 1), shape)
        case "ternary":
            return magnitude * rng.integers(-1, 1, shape, endpoint=True)
        case "same mask":
            mask = rng.choice((-1, 1), shape[1:])
            return magnitude * np.broadcast_to(mask, shape)
        case "extreme":
            return rng.choice((limits.lo, limits.hi), shape)
    return np.zeros(shape, dtype=np.int64)


def _vector(
    draw: st.DrawFn, limits: IntRange, length: int, rng: np.random.Generator
) -> IntArray | None:
    if not draw(st.booleans()):
        return None
    return rng.integers(limits.lo, limits.hi, length, endpoint=True)


@st.composite
def layers(
    draw: st.DrawFn,
    *,
    max_kernels: int = 6,
    max_channels: int = 3,
    max_side: int = 9,
    max_kernel_side: int = 7,
    max_bits: int = 16,
    biased: bool = True,
) -> LayerSpec:
    """Layers of any shape that an engine can be generated for, small enough for a plain loop.

    Parameters
    ----------
    max_kernels, max_channels, max_side, max_kernel_side, max_bits : int
        Largest K, C, frame height and width, kernel height and width, and operand width.
    biased : bool
        Whether layers may have a bias and a scale.
    """
    kernel_sides = st.integers(1, max_kernel_side)
    height, width = draw(kernel_sides), draw(kernel_sides)
    sides = st.integers(0, 3)
    padding = Padding(top=draw(sides), bottom=draw(sides), left=draw(sides), right=draw(sides))
    least = (
        max(1, height - padding.top - padding.bottom),
        max(1, width - padding.left - padding.right),
    )
    frame = tuple(draw(st.integers(side, max(side, max_side))) for side in least)
    strides = st.integers(1, 4)
    bits = st.integers(4, max_bits)
    input_bits, weight_bits = draw(bits), draw(bits)
    channels = draw(st.integers(1, max_channels))
    kinds = draw(st.lists(st.sampled_from(KERNEL_KINDS), min_size=1, max_size=max_kernels))
    rng = _generator(draw)
    limits = IntRange.of_bits(weight_bits, signed=True)
    shape = (channels, height, width)
    bias_bits = draw(st.integers(1, 32))
    return LayerSpec(
        weight=np.stack([_kernel(kind, shape, limits, rng) for kind in kinds]).astype(np.int64),
        input_shape=(channels, frame[0], frame[1]),
        input_format=FixedFormat(bits=input_bits, frac=input_bits, signed=draw(st.booleans())),
        weight_format=FixedFormat(bits=weight_bits, frac=weight_bits - 1, signed=True),
        bias=_vector(draw, IntRange.of_bits(bias_bits, signed=True), len(kinds), rng)
        if biased
        else None,
        scale=_vector(draw, IntRange(0, 65535), len(kinds), rng) if biased else None,
        stride=(draw(strides), draw(strides)),
        padding=padding,
    )


@st.composite
def _outputs(draw: st.DrawFn, layer: LayerSpec) -> OutputConfig:
    if not draw(st.booleans()):
        return OutputConfig(kind="exact", relu=draw(st.booleans()))
    needed = 0 if layer.scale is None else max(int(layer.scale.max()).bit_length(), 1)
    return OutputConfig(
        kind="requantise",
        bits=draw(st.integers(1, 32)),
        signed=draw(st.booleans()),
        shift=draw(st.integers(0, 47)),
        scale_bits=draw(st.integers(needed, 16)),
        relu=draw(st.booleans()),
    )


@st.composite
def engine_configs(
    draw: st.DrawFn,
    layer: st.SearchStrategy[LayerSpec] | None = None,
    *,
    max_entries: int = 256,
) -> EngineConfig:
    """Configurations of any engine for a layer, by default any of :func:`layers`.

    Parameters
    ----------
    layer : strategy of LayerSpec, optional
    max_entries : int
        Largest table.
    """
    spec = draw(layers() if layer is None else layer)
    found = [k for k, template in enumerate(find_templates(spec.weight)) if template is not None]
    subsets = st.lists(st.sampled_from(found), unique=True) if found else st.just([])
    least = 0
    if spec.bias is not None:
        least = IntRange(min(int(spec.bias.min()), -1), max(int(spec.bias.max()), 0)).bits
    return EngineConfig(
        name="drawn",
        layer=spec,
        templates=draw(st.sampled_from(("auto", "none")) | subsets.map(tuple)),
        template_scale=draw(st.sampled_from(("multiply", "defer", "register"))),
        bias_bits=draw(st.integers(least, 32)),
        table=TableConfig(
            entries=draw(st.integers(1, max_entries)),
            multipliers=draw(st.sampled_from((1, 2, 4, 8, 16, 32, 64))),
        ),
        output=draw(_outputs(spec)),
    )


@st.composite
def images_for(
    draw: st.DrawFn, config: EngineConfig, *, min_frames: int = 1, max_frames: int = 3
) -> Images:
    """Images of the configuration's shape and range, (N, C, H, W), of int64."""
    shape = (draw(st.integers(min_frames, max_frames)), *config.layer.input_shape)
    limits = config.layer.input_format.range
    kind = draw(st.sampled_from(IMAGE_KINDS))
    rng = _generator(draw)
    few = rng.integers(limits.lo, limits.hi, draw(st.integers(1, 6)), endpoint=True)
    match kind:
        case "few values":
            return rng.choice(few, shape)
        case "any":
            return rng.integers(limits.lo, limits.hi, shape, endpoint=True)
        case "extreme":
            return rng.choice((limits.lo, limits.hi), shape)
    return np.zeros(shape, dtype=np.int64)
