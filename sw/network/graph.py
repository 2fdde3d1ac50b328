"""What a network is, in integers alone: the one description that ``hw`` and ``sw`` both stand on.

A network is a **chain** of layers: no branches. Frames of shape (C, H, W) go in; what a layer puts
out goes into the next. There are four kinds of layer::

    Conv     a convolution; its ``spec`` is the layer file's LayerSpec, so an engine computes it
    Dense    every output meets every input value of the frame: a kernel as large as the frame
    Pool     the maximum or the sum of each channel's window
    ArgMax   the number of the largest channel; always last, and there only if the frame before it
             has one pixel

**Order of the stream.** Pixels row by row, one a beat, all channels of a pixel in the beat, channel
0 in the low bits: the order of every engine here. A frame of one pixel is one beat. There is no
flatten layer: :attr:`Dense.weight` is (N, C, H, W) and says itself which input value a weight
meets. (ONNX flattens in the order C, H, W; the importer has undone that.)

**No zero points.** A stream carries ``q - zero_point``, never ONNX's ``q``: a padded cell is 0, a
product needs no correction, and what is left of an asymmetric output is a clamp whose bounds are
not powers of two. Software alone, at the two ends, takes off ``Network.input_zero_point`` and adds
``Network.output_zero_point``.

**What a layer computes.** Exact sums first, then one requantiser, the same in each kind of layer::

    Conv, Dense   acc[k] = bias[k] + sum of x * weight[k]
    Pool average  acc[c] = sum of the window           (the divisor is in the multiplier)
    Pool max      acc[c] = maximum of the window
    output[k] = clamp(round_half_even(acc[k] * multiplier[k] / 2**shift), limits)

ReLU and any clipping are in ``limits``. ``requantise=None`` passes ``acc`` on as it is. Semantics:
:func:`sw.numeric.requantise`, bit for bit.

**Widths.** Each layer states the range of the values it takes and the range of those it gives;
:func:`word_of` says which word carries a range. A layer may be made for a wider range than the one
before it gives (an engine has at least 4 bits): the word is then extended, by its sign if it has
one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property

import numpy as np

from sw.numeric import IntRange

from .layers import ArgMax, Conv, Dense, Layer, Pool, Shape
from .requantiser import (
    MAX_ACCUMULATOR_BITS,
    MAX_MULTIPLIER_BITS,
    MAX_SHIFT,
    NetworkError,
    Requantise,
    word_of,
)

__all__ = [
    "MAX_ACCUMULATOR_BITS",
    "MAX_LAYERS",
    "MAX_MULTIPLIER_BITS",
    "MAX_SHIFT",
    "ArgMax",
    "Conv",
    "Dense",
    "Layer",
    "Network",
    "NetworkError",
    "Pool",
    "Requantise",
    "Shape",
    "word_of",
]

MAX_LAYERS = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A chain of layers; validated when made, so everything behind it can trust every field.

    Parameters
    ----------
    layers : tuple of Layer
        Each takes the shape that the one before gives, and a range that holds what it gives.
    input_range : IntRange
        Of the values that stream in, ``q - input_zero_point``.
    input_zero_point, output_zero_point : int
        Software subtracts the one from each input value and adds the other to each logit (or to
        each value of the last frame). Hardware knows neither.

    Raises
    ------
    NetworkError
        If a layer does not fit the one before it, or a name comes twice.
    """

    layers: tuple[Layer, ...]
    input_range: IntRange
    input_zero_point: int = 0
    output_zero_point: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise NetworkError(f"layers: expected 1 to {MAX_LAYERS}, got {len(self.layers)}")
        names = [layer.name for layer in self.layers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise NetworkError(f"layer {twice[0]}: the name comes twice; each needs its own")
        shape, limits = self.input_shape, self.input_range
        for layer in self.layers:
            if layer.input_shape != shape:
                raise NetworkError(
                    f"layer {layer.name}: it takes frames {layer.input_shape} (C, H, W), but gets "
                    f"{shape}"
                )
            if not layer.input_range.contains([limits.lo, limits.hi]):
                raise NetworkError(
                    f"layer {layer.name}: it takes {layer.input_range.lo}..{layer.input_range.hi}, "
                    f"but gets {limits.lo}..{limits.hi}"
                )
            shape, limits = layer.output_shape, layer.output_range
        early = [layer.name for layer in self.layers[:-1] if isinstance(layer, ArgMax)]
        if early:
            raise NetworkError(f"layer {early[0]}: ArgMax can only be the last layer")

    @property
    def input_shape(self) -> Shape:
        """(C, H, W)."""
        return self.layers[0].input_shape

    @property
    def classifies(self) -> bool:
        """Whether it ends in a label: its outputs are then logits and label, otherwise a frame."""
        return isinstance(self.layers[-1], ArgMax)

    @property
    def output_shape(self) -> Shape:
        """(C, H, W) of the logits, (classes, 1, 1), or of the last frame."""
        last = self.layers[-1]
        return last.input_shape if isinstance(last, ArgMax) else last.output_shape

    @property
    def output_range(self) -> IntRange:
        """Of the logits or the last frame's values, as they stream: without the zero point."""
        last = self.layers[-1]
        return last.input_range if isinstance(last, ArgMax) else last.output_range

    @property
    def multiplications(self) -> int:
        """Of a frame, without reuse; those of requantisers not counted."""
        return sum(layer.multiplications for layer in self.layers)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything: equal networks give equal digests."""
        found = hashlib.sha256()
        _feed(found, self)
        return found.hexdigest()


def _feed(digest: hashlib._Hash, value: object) -> None:
    """All that ``value`` holds, in the order of its fields."""
    if isinstance(value, np.ndarray):
        digest.update(f"{value.shape}".encode() + value.astype("<i8").tobytes())
    elif is_dataclass(value) and not isinstance(value, type):
        digest.update(type(value).__name__.encode())
        for field in fields(value):
            _feed(digest, getattr(value, field.name))
    elif isinstance(value, tuple):
        digest.update(f"{len(value)}".encode())
        for part in value:
            _feed(digest, part)
    else:
        digest.update(repr(value).encode())
