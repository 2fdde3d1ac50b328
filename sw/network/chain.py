"""From operators on real numbers to a chain of integer layers.

A :class:`Chain` is built operator by operator, as a model file has them. Each sum (a convolution, a
dense layer, an average) stays open until a quantiser says which grid its outputs lie on; until then
it takes factors and offsets a channel (batch normalisation), clips, and maxima, which commute with
all that follows since that never falls.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from sw.numeric import IntArray, IntRange

from .difference import Difference
from .graph import (
    MAX_MULTIPLIER_BITS,
    MAX_SHIFT,
    ArgMax,
    Conv,
    Dense,
    Layer,
    NetworkError,
    Pool,
    Requantise,
    Shape,
)
from .rounding import Factor, Steps, fit
from .sums import (
    SAME_SCALE,
    FloatArray,
    Sums,
    Window,
    even_out,
    float_noise,
    layer_spec,
    output_steps,
    pooled,
    settle_offset,
)

__all__ = ["Chain"]


class Chain:
    """The layers so far, and the sums that are open.

    Parameters
    ----------
    shape : (C, H, W)
        Of the images.
    limits : IntRange
        Of their values, without the zero point.
    scale : float
        The real value of one unit.

    Attributes
    ----------
    layers : list of Layer
    differences : list of Difference
    notes : list of str
        What else is not exactly as the file says.
    """

    def __init__(self, shape: Shape, limits: IntRange, scale: float) -> None:
        self.layers: list[Layer] = []
        self.differences: list[Difference] = []
        self.notes: list[str] = []
        self._shape, self._limits = shape, limits
        self.scale = scale
        self._open: Sums | None = None

    @property
    def shape(self) -> Shape:
        """(C, H, W) of what comes out at the moment."""
        if self._open is None:
            return self._shape
        shape = self._open.shape
        for window in self._open.maxima:
            shape = pooled(shape, window)
        return shape

    @property
    def is_open(self) -> bool:
        """Whether there are sums without a grid."""
        return self._open is not None

    # --- operators on the values of a grid

    def convolve(
        self, weight: IntArray, scale: FloatArray, window: Window, *, dense: bool = False
    ) -> None:
        """Open the sums of a convolution; ``dense``: of a kernel as large as the frame.

        Parameters
        ----------
        weight : IntArray, shape (K, C, kh, kw)
        scale : array of float64, shape (K,)
            The real value of one unit of each kernel's weights.
        window : Window
            Its stride and padding.
        """
        self._require_closed("another layer of weights")
        source = np.float32(self.scale)

        def factor(output: np.float32) -> npt.NDArray[np.float32]:
            return (source * scale.astype(np.float32)) / output

        shape = (len(weight), 1, 1)
        if not dense:
            shape = (len(weight), *pooled(self.shape, window)[1:])
        self._open = Sums(
            kind="dense" if dense else "conv",
            shape=shape,
            unit=self.scale * scale,
            weight=weight,
            window=window,
            float32_factor=factor,
        )

    def average(self, window: Window) -> None:
        """Open the averages of each channel's windows; padded cells count as 0."""
        self._require_closed("an average")
        count = window.kernel[0] * window.kernel[1]
        source = np.float32(self.scale)
        everywhere = window.kernel == self.shape[1:] and not any(window.padding.as_array())

        def factor(output: np.float32) -> npt.NDArray[np.float32]:
            return np.full(self.shape[0], source / (output * np.float32(count)), np.float32)

        self._open = Sums(
            kind="average",
            shape=pooled(self.shape, window),
            unit=np.full(self.shape[0], self.scale / count),
            window=window,
            float32_factor=factor if everywhere else None,
        )

    def maximum(self, window: Window) -> None:
        """The maximum of each channel's windows."""
        if self._open is not None:
            self._open.maxima.append(window)
        else:
            self._add_maximum(window)

    def clip(self, low: float, high: float) -> None:
        """No value below ``low`` or above ``high``, in real numbers."""
        if self._open is None:
            self._open = self._passed()
        self._open.clip_lo = min(max(self._open.clip_lo, low), high)
        self._open.clip_hi = max(min(self._open.clip_hi, high), low)

    def affine(self, gain: FloatArray, offset: FloatArray) -> None:
        """Multiply each channel of the open sums by ``gain`` and add ``offset``, shapes (K,)."""
        sums = self._open
        if sums is None or sums.weight is None or sums.maxima or np.isfinite(sums.clip_lo):
            raise NetworkError(
                "it must follow a convolution or a dense layer at once, before any activation, "
                "pool or quantiser (fold it into the layer before you quantise)"
            )
        before = np.zeros(len(sums.unit)) if sums.offset is None else sums.offset
        if sums.bias is not None:
            before = before + sums.bias * sums.unit
        negative, nothing = gain < 0, gain == 0
        sign = np.where(negative, -1, np.where(nothing, 0, 1))
        sums.weight = sums.weight * sign[:, np.newaxis, np.newaxis, np.newaxis]
        sums.unit = np.where(nothing, sums.unit, sums.unit * np.abs(gain))
        sums.offset, sums.bias, sums.float32_factor = before * gain + offset, None, None

    def add(self, offset: FloatArray, integers: IntArray | None, scale: FloatArray | None) -> None:
        """Add a bias to the open sums.

        Parameters
        ----------
        offset : array of float64, shape (K,)
            Its real value.
        integers, scale : arrays, shape (K,), optional
            It as integers, and the value of one: where that is the sums' unit, it stays exact.
        """
        sums = self._open
        if sums is None or sums.weight is None or sums.maxima or np.isfinite(sums.clip_lo):
            raise NetworkError(
                "a bias must follow a convolution or a dense layer at once (give that layer the "
                "bias; adding two branches is not supported)"
            )
        same = scale is not None and np.allclose(scale, sums.unit, rtol=SAME_SCALE, atol=0)
        if integers is not None and same and sums.offset is None and sums.bias is None:
            sums.bias = integers
        else:
            sums.float32_factor = None
            sums.offset = offset if sums.offset is None else sums.offset + offset

    # --- grids

    def quantise(self, scale: float, limits: IntRange, *, reals: bool = False) -> None:
        """Round to a grid, half to even, and clip into ``limits``; closes what is open.

        ``reals``: it rounds real numbers, not onnxruntime's float32 products.
        """
        if self._open is None and scale == self.scale:
            if limits.contains([self._limits.lo, self._limits.hi]):
                return
            self._open = self._passed()
        sums = self._open or self._passed()
        self._open = None
        if reals:
            sums.float32_factor = None
        limits = IntRange(
            int(np.clip(np.rint(sums.clip_lo / scale), limits.lo, limits.hi)),
            int(np.clip(np.rint(sums.clip_hi / scale), limits.lo, limits.hi)),
        )
        if sums.kind == "pass" and scale == self.scale and self._narrow(limits):
            windows = sums.maxima
        else:
            self._close(sums, scale, limits)
            windows = sums.maxima
        self.scale = scale
        for window in windows:
            self._add_maximum(window)

    def finish(self) -> None:
        """End the chain: sums that are still open go out as they are, exact."""
        sums, self._open = self._open, None
        if sums is not None:
            if np.isfinite(sums.clip_lo) or np.isfinite(sums.clip_hi) or sums.weight is None:
                raise NetworkError(
                    "the model's output is not quantised (put a quantiser behind the last layer, "
                    "or let the model end with its convolution or dense layer)"
                )
            even_out(sums)
            settle_offset(sums, sums.unit)
            layer = self._emit(sums, None)
            if sums.offset is not None and _rounds(sums.offset / sums.unit):
                self.notes.append(
                    f"layer {layer.name}: its bias is no whole number of its sums' unit, "
                    f"{float(sums.unit[0]):.3g}, and is rounded: each logit is off by at most half"
                )
            self.scale = float(sums.unit[0])
            for window in sums.maxima:
                self._add_maximum(window)
        classes, height, width = self._shape
        if (height, width) == (1, 1) and classes > 1:
            self.layers.append(ArgMax(name="argmax", classes=classes, input_range=self._limits))

    # --- from sums to layers

    def _passed(self) -> Sums:
        """The values as they are, as sums of one value."""
        return Sums(kind="pass", shape=self._shape, unit=np.full(self._shape[0], self.scale))

    def _require_closed(self, what: str) -> None:
        if self._open is not None:
            raise NetworkError(
                f"{what} follows values that are not quantised (put a quantiser between: "
                "QuantizeLinear and DequantizeLinear, or Quant)"
            )

    def _narrow(self, limits: IntRange) -> bool:
        """Clip what the last layer gives, by its own requantiser, if it has one."""
        if limits.contains([self._limits.lo, self._limits.hi]):
            return True
        last = self.layers[-1] if self.layers else None
        if last is None or isinstance(last, ArgMax) or last.requantise is None:
            return False
        inner = last.requantise.limits
        low, high = (min(max(v, limits.lo), limits.hi) for v in (inner.lo, inner.hi))
        self._limits = IntRange(low, high)
        self.layers[-1] = replace(last, requantise=replace(last.requantise, limits=self._limits))
        return True

    def _close(self, sums: Sums, scale: float, limits: IntRange) -> None:
        """The layer of ``sums``, with the requantiser that gives what the model file says."""
        settle_offset(sums, np.full(len(sums.unit), scale / 256))
        probe = self._emit(sums, None)
        functions = output_steps(sums, scale)
        reals = [Fraction(float(unit)) / Fraction(scale) for unit in sums.unit]
        if sums.float32_factor is not None:
            factors = sums.float32_factor(np.float32(scale))
            reals = [
                r if float(r) == float(f) else Fraction(float(f))
                for r, f in zip(reals, factors, strict=True)
            ]
        fitted = _fit_together(functions, reals, probe.accumulator_ranges, limits)
        shift = max(factor.shift for factor in fitted)
        multiplier = np.array([f.multiplier << (shift - f.shift) for f in fitted], np.int64)
        requantise = Requantise(multiplier=multiplier, shift=shift, limits=limits)
        self.layers[-1] = replace(probe, requantise=requantise)
        self._limits = limits
        counts = [(factor.differing, factor.steps) for factor in fitted]
        self._note(probe.name, counts, probe.accumulator_ranges)
        if sums.float32_factor is None and sums.kind != "pass":
            counts = float_noise(sums, scale, probe.accumulator_ranges, limits)
            self._note(probe.name, counts, probe.accumulator_ranges, floats=True)

    def _note(
        self,
        layer: str,
        counts: list[tuple[int, int]],
        ranges: tuple[IntRange, ...],
        *,
        floats: bool = False,
    ) -> None:
        """Remember for how many sums of each kernel the output differs, and by how much."""
        wrong = [k for k, (values, _) in enumerate(counts) if values]
        if wrong:
            self.differences.append(
                Difference(
                    layer=layer,
                    kernels=tuple(wrong),
                    values=sum(counts[k][0] for k in wrong),
                    possible=sum(ranges[k].hi - ranges[k].lo + 1 for k in wrong),
                    steps=max(counts[k][1] for k in wrong),
                    floats=floats,
                )
            )

    def _emit(self, sums: Sums, requantise: Requantise | None) -> Conv | Dense | Pool:
        """Append the layer of ``sums``."""
        layer = self._layer(sums, requantise)
        self.layers.append(layer)
        self._shape = layer.output_shape
        if requantise is None and sums.kind in ("conv", "dense"):
            self._limits = layer.output_range
        return layer

    def _layer(self, sums: Sums, requantise: Requantise | None) -> Conv | Dense | Pool:
        if sums.kind == "conv":
            return Conv(
                name=self._name("conv"),
                spec=layer_spec(sums, self._shape, self._limits),
                input_range=self._limits,
                requantise=requantise,
            )
        if sums.kind == "dense":
            assert sums.weight is not None
            return Dense(
                name=self._name("dense"),
                weight=sums.weight,
                bias=sums.bias,
                input_range=self._limits,
                requantise=requantise,
            )
        channels = self._shape[0]
        return self._pool("average", sums.window, _identity(channels, self._limits))

    def _add_maximum(self, window: Window) -> None:
        self.layers.append(self._pool("max", window, None))
        self._shape = self.layers[-1].output_shape

    def _pool(
        self, kind: Literal["max", "average"], window: Window, requantise: Requantise | None
    ) -> Pool:
        return Pool(
            name=self._name("pool"),
            kind=kind,
            input_shape=self._shape,
            input_range=self._limits,
            requantise=requantise,
            kernel=window.kernel,
            stride=window.stride,
            padding=window.padding,
        )

    def _name(self, kind: str) -> str:
        kinds = {"conv": Conv, "dense": Dense, "pool": Pool}
        return f"{kind}{1 + sum(isinstance(layer, kinds[kind]) for layer in self.layers)}"


def _identity(channels: int, limits: IntRange) -> Requantise:
    return Requantise(multiplier=np.ones(channels, np.int64), shift=0, limits=limits)


def _rounds(numbers: FloatArray) -> bool:
    """Whether not all are whole."""
    return bool((np.rint(numbers) != numbers).any())


def _fit_together(
    functions: list[Steps], reals: list[Fraction], sums: tuple[IntRange, ...], limits: IntRange
) -> tuple[Factor, ...]:
    """Factors with one shift, which must not make a multiplier too wide."""
    fitted = fit(functions, reals, sums, limits)
    shift = max(factor.shift for factor in fitted)
    widest = max(f.multiplier.bit_length() + shift - f.shift for f in fitted)
    if widest > MAX_MULTIPLIER_BITS:
        most = max(0, min(shift - (widest - MAX_MULTIPLIER_BITS), MAX_SHIFT))
        fitted = fit(functions, reals, sums, limits, max_shift=most)
    return fitted
