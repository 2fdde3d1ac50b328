"""From operators on real numbers to a chain of integer layers.

A :class:`Chain` is built operator by operator, as a model file has them. Each sum (a convolution, a
dense layer, an average) stays open until a quantiser says which grid its outputs lie on; until then
it takes factors and offsets a channel (batch normalisation), clips, and maxima, which commute with
all that follows since that never falls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from sw.numeric import MIN_BITS, FixedFormat, IntArray, IntRange
from sw.spec import LayerSpec, Padding

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
from .rounding import Factor, Steps, compare, fit, thresholds

__all__ = ["Chain", "Difference", "Sums", "Window"]

FloatArray = npt.NDArray[np.float64]

_SAME_SCALE = 1e-5
"""Relative difference up to which two scales are one: float32 rounds products of scales."""
_WEIGHT_BITS = 16


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where a layer's integers are not exactly what the model file's arithmetic gives.

    Parameters
    ----------
    layer : str
    kernels : tuple of int
        Output channels with a difference.
    values : int
        Sums, of all those kernels, for which the output differs; of so many possible ones:
    possible : int
    steps : int
        The largest difference, in steps of the output.
    floats : bool
        Ours are exact; it is onnxruntime that adds such a layer in float32, in an order of its own,
        and so may round those sums otherwise.
    """

    layer: str
    kernels: tuple[int, ...]
    values: int
    possible: int
    steps: int
    floats: bool = False

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.kernels[:8])) + (", ..." if len(self.kernels) > 8 else "")
        verb = "may differ, for onnxruntime adds in float32," if self.floats else "differ"
        return (
            f"layer {self.layer}: kernels {numbers} ({len(self.kernels)} in all) {verb} for "
            f"{self.values} of {self.possible} possible sums, by at most {self.steps} step"
            f"{'s' if self.steps > 1 else ''} of the output"
        )


@dataclass(frozen=True, kw_only=True)
class Window:
    """A pool's window: see :class:`sw.network.graph.Pool`."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding = field(default_factory=Padding)


@dataclass(kw_only=True)
class Sums:
    """A layer whose outputs have no grid yet.

    Parameters
    ----------
    kind : "conv" | "dense" | "average" | "pass"
        Pass: the values as they came, waiting for another grid.
    shape : (C, H, W)
        Of what goes out.
    unit : array of float64, shape (K,)
        The real value of one unit of each channel's sum; positive.
    weight : IntArray, shape (K, C, kh, kw), optional
    bias : IntArray, shape (K,), optional
        In units of the sums.
    offset : array of float64, shape (K,), optional
        Real numbers that are added to the sums, where they are no whole units.
    window : Window
        A convolution's stride and padding, an average's window.
    float32_factor : callable, optional
        From an output scale to the float32 factors, shape (K,), that onnxruntime multiplies the
        sums by; None: its arithmetic is that of reals.
    """

    kind: Literal["conv", "dense", "average", "pass"]
    shape: Shape
    unit: FloatArray
    weight: IntArray | None = None
    bias: IntArray | None = None
    offset: FloatArray | None = None
    window: Window = field(default_factory=lambda: Window(kernel=(1, 1), stride=(1, 1)))
    float32_factor: Callable[[np.float32], npt.NDArray[np.float32]] | None = None
    clip_lo: float = -np.inf
    clip_hi: float = np.inf
    maxima: list[Window] = field(default_factory=list)


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
            shape = _pooled(shape, window)
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
            shape = (len(weight), *_pooled(self.shape, window)[1:])
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
            shape=_pooled(self.shape, window),
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
        same = scale is not None and np.allclose(scale, sums.unit, rtol=_SAME_SCALE, atol=0)
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
            self._even_out(sums)
            self._settle_offset(sums, sums.unit)
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
        self._settle_offset(sums, np.full(len(sums.unit), scale / 256))
        probe = self._emit(sums, None)
        if sums.kind == "pass":
            functions = [_pass_steps(self.scale, scale)] * len(sums.unit)
        else:
            functions = _functions(sums, scale)
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
            counts = _float_noise(sums, scale, probe.accumulator_ranges, limits)
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

    def _settle_offset(self, sums: Sums, unit: FloatArray) -> None:
        """Make the real offsets whole units of the sums, the nearest."""
        if sums.offset is None:
            return
        if sums.weight is not None:  # a kernel of zeros has any unit that is fine enough
            idle = ~sums.weight.reshape(len(sums.weight), -1).any(axis=1)
            sums.unit = np.where(idle, unit, sums.unit)
        units = np.rint(sums.offset / sums.unit)
        if (np.abs(units) >= 1 << 31).any():
            raise NetworkError("its bias is more than 32 bits in units of its sums (a smaller one)")
        bias = units.astype(np.int64)
        sums.bias = bias if sums.bias is None else sums.bias + bias

    def _even_out(self, sums: Sums) -> None:
        """Give all channels one unit, by the weights, so that their sums can be compared."""
        assert sums.weight is not None
        unit = float(sums.unit.min())
        ratio = sums.unit / unit
        whole = np.rint(ratio)
        if not np.allclose(ratio, whole, rtol=_SAME_SCALE, atol=0) or whole.max() >= 1 << 15:
            raise NetworkError(
                "the last layer's weights have a scale a kernel and its output is not quantised, "
                "so its sums cannot be compared (quantise the output, or give the last layer one "
                "scale: per_channel=False)"
            )
        factors = whole.astype(np.int64)
        sums.weight = sums.weight * factors[:, np.newaxis, np.newaxis, np.newaxis]
        sums.bias = None if sums.bias is None else sums.bias * factors
        sums.unit = np.full(len(sums.unit), unit)

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
                spec=_spec(sums, self._shape, self._limits),
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


def _pooled(shape: Shape, window: Window) -> Shape:
    """(C, OH, OW) of windows over a frame; refused by the layer if none fits."""
    padding = window.padding
    around = (padding.top + padding.bottom, padding.left + padding.right)
    rows, columns = (
        max(0, size + sides - kernel) // max(stride, 1) + 1
        for size, sides, kernel, stride in zip(
            shape[1:], around, window.kernel, window.stride, strict=True
        )
    )
    return shape[0], rows, columns


def _identity(channels: int, limits: IntRange) -> Requantise:
    return Requantise(multiplier=np.ones(channels, np.int64), shift=0, limits=limits)


def _spec(sums: Sums, shape: Shape, limits: IntRange) -> LayerSpec:
    assert sums.weight is not None
    low, high = int(sums.weight.min(initial=-1)), int(sums.weight.max(initial=0))
    weight_bits = max(MIN_BITS, IntRange(low, high).bits)
    if weight_bits > _WEIGHT_BITS:
        raise NetworkError(f"its weights take {weight_bits} bits; {_WEIGHT_BITS} are the most")
    if limits.bits > _WEIGHT_BITS:
        raise NetworkError(f"its inputs take {limits.bits} bits; {_WEIGHT_BITS} are the most")
    return LayerSpec(
        weight=sums.weight,
        input_shape=shape,
        input_format=FixedFormat(bits=max(MIN_BITS, limits.bits), frac=0, signed=limits.signed),
        weight_format=FixedFormat(bits=weight_bits, frac=0, signed=True),
        bias=sums.bias,
        stride=sums.window.stride,
        padding=sums.window.padding,
    )


def _rounds(numbers: FloatArray) -> bool:
    """Whether not all are whole."""
    return bool((np.rint(numbers) != numbers).any())


def _functions(sums: Sums, scale: float) -> list[Steps]:
    """What the model file says of each channel: from its sum to its output, unclipped."""
    if sums.float32_factor is not None:
        return [_float32_steps(f) for f in sums.float32_factor(np.float32(scale))]
    return _shifted(sums, scale, np.zeros(len(sums.unit)))


def _shifted(sums: Sums, scale: float, by: FloatArray) -> list[Steps]:
    """The same in real numbers, each channel moved by so many steps of the output."""
    whole = np.zeros(len(sums.unit), np.int64) if sums.bias is None else sums.bias
    exact = whole * sums.unit if sums.offset is None else sums.offset
    return [
        _real_steps(float(unit), float(real), int(bias), scale, float(move))
        for unit, real, bias, move in zip(sums.unit, exact, whole, by, strict=True)
    ]


def _float_noise(
    sums: Sums, scale: float, ranges: tuple[IntRange, ...], limits: IntRange
) -> list[tuple[int, int]]:
    """For how many sums of each channel a float32 sum may round otherwise, and by how much.

    A float32 sum of n terms is off by at most n units in the last place of the largest partial
    sum; where every term is a whole number of a power of two, only the last addition is.
    """
    largest = np.array([max(-r.lo, r.hi, 1) for r in ranges], np.float64)
    terms = sums.window.kernel[0] * sums.window.kernel[1]
    if sums.weight is not None:
        terms = sums.weight[0].size
    exact = (np.frexp(sums.unit)[0] == 0.5) & (largest < 1 << 24)
    sure = exact & (sums.offset is None) & (np.frexp(scale)[0] == 0.5)
    error = np.where(exact, 1, terms + 3) * 2.0**-24 * largest * sums.unit / scale
    error = np.where(sure, 0.0, np.minimum(error, 0.25))
    late, early = _shifted(sums, scale, -error), _shifted(sums, scale, error)
    return [
        compare(
            thresholds(a, possible, limits, about=unit / scale),
            thresholds(b, possible, limits, about=unit / scale),
        )
        for a, b, possible, unit in zip(late, early, ranges, sums.unit, strict=True)
    ]


def _pass_steps(source: float, scale: float) -> Steps:
    """From one grid to another, as a DequantizeLinear and a QuantizeLinear do."""
    factor, divisor = np.float32(source), np.float32(scale)
    return lambda x: np.rint(x.astype(np.float32) * factor / divisor)


def _float32_steps(factor: np.float32) -> Steps:
    """As onnxruntime requantises: float32 product, rounded half to even."""
    return lambda x: np.rint(x.astype(np.float32) * factor)


def _real_steps(unit: float, offset: float, bias: int, scale: float, move: float) -> Steps:
    """The real value over the output's scale, rounded half to even."""
    return lambda x: np.rint(((x - bias) * unit + offset) / scale + move)


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
