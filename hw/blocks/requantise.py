"""From exact accumulators to output words: factor, rounding shift, saturation, ReLU."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, ShapeLike, Signal, Value, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.shapes import shape_of
from sw.config import EngineConfig
from sw.numeric import IntRange, round_half_even_shift

__all__ = ["Requantise", "clip", "round_half_even", "rounded_range"]


def rounded_range(limits: IntRange, shift: int) -> IntRange:
    """Exact bounds of :func:`round_half_even` over ``limits`` (rounding is monotonic)."""
    low, high = (int(v) for v in round_half_even_shift([limits.lo, limits.hi], shift))
    return IntRange(low, high)


def round_half_even(value: Value, shift: int) -> Value:
    """``value / 2**shift``, nearest integer, ties to even; see :func:`rounded_range` for bounds.

    Rounds up where the dropped bits exceed one half, or equal it and the kept part is odd.
    """
    if shift == 0:
        return value
    missing = shift + 1 - len(value)
    if missing > 0:  # the shift reaches past the word: its sign (or zero) goes on for ever
        fill = value[-1] if value.shape().signed else 0
        bits = Cat(value, *[fill] * missing)
        value = bits.as_signed() if value.shape().signed else bits
    half, sticky, odd = value[shift - 1], value[: shift - 1].any(), value[shift]
    return (value >> shift) + (half & (sticky | odd))


def clip(value: Value, bounds: IntRange, limits: IntRange) -> Value:
    """``value``, known to lie in ``bounds``, clipped into ``limits``.

    Both limits must be a power of two (less one above, negated below), or lie beyond the bounds:
    then a few bits tell what a comparison would, without its carry chain.
    """
    if bounds.hi > limits.hi:
        kept = limits.hi.bit_length()
        if limits.hi != (1 << kept) - 1:
            raise ValueError(f"upper limit must be a power of two less one, not {limits.hi}")
        high = value[kept:].any()
        above = ~value[-1] & high if value.shape().signed else high
        clipped = Mux(above, limits.hi, value)
    else:
        clipped = value
    if bounds.lo < limits.lo:
        kept = (-limits.lo).bit_length() - 1 if limits.lo else 0
        if limits.lo not in (0, -(1 << kept)):
            raise ValueError(f"lower limit must be 0 or minus a power of two, not {limits.lo}")
        below = value[-1] & ~value[kept:].all() if limits.lo else value[-1]
        clipped = Mux(below, limits.lo, clipped)
    return clipped


class Requantise(wiring.Component):
    """Turn each kernel's exact accumulator into its output word.

    requantise: o[k] = clip(round_half_even(i.k * scale[k] / 2**shift), output_range)        (1)
    exact:      o[k] = clip(i.k, output_range)                                               (2)

    ``output_range`` is non-negative where ReLU is asked for, so one clip saturates and rectifies.
    Bit-exact to :func:`sw.numeric.requantise`, and a maximum with 0 for ReLU.

    Beat-synchronous; :attr:`latency` beats. Stage 1: the factor (only if ``scale_bits > 0``).
    Stage 2: round and clip. Exact output needs no stage and is combinational. The stages hold
    whole beats, not resets: they show arbitrary values in the first :attr:`latency` beats.

    ``i_scale`` is a register of the control port, not data: it must be still from a frame's first
    beat until its last has left, as ``STATUS.idle`` ensures.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    i : ``In(stream.Signature(StructLayout({"k0": ..., "k1": ..., ...})))``
        One exact accumulator a kernel, each as wide as its own range.
    i_scale : ``In(ArrayLayout(scale_bits, K))``
        Unsigned factor a kernel; only if :attr:`scaled`.
    o : ``Out(stream.Signature(ArrayLayout(shape_of(config.output_range), K)))``
    """

    i: stream.Interface
    i_scale: data.View[data.ArrayLayout]
    o: stream.Interface

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        kernels = range(config.layer.kernels)
        inputs: dict[str, ShapeLike] = {
            f"k{k}": shape_of(config.accumulator_range(k)) for k in kernels
        }
        outputs = data.ArrayLayout(shape_of(config.output_range), len(kernels))
        members = {
            "i": In(stream.Signature(data.StructLayout(inputs))),
            "o": Out(stream.Signature(outputs)),
        }
        if self.scaled:
            members["i_scale"] = In(data.ArrayLayout(config.output.scale_bits, len(kernels)))
        super().__init__(members)

    @property
    def scaled(self) -> bool:
        """Whether there is a run-time factor, and so the member ``i_scale``."""
        return self.config.output.kind == "requantise" and self.config.output.scale_bits > 0

    @property
    def latency(self) -> int:
        """Beats from a payload to its result: the stages that there are."""
        return int(self.config.output.kind == "requantise") + int(self.scaled)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            step.eq(self.i.valid & self.o.ready),
        ]
        for kernel in range(self.config.layer.kernels):
            accumulator = self.i.payload[f"k{kernel}"]
            bounds = self.config.accumulator_range(kernel)
            if self.config.output.kind == "exact":
                result = clip(accumulator, bounds, self.config.output_range)
            else:
                result = self._requantise(m, step, kernel, accumulator, bounds)
            m.d.comb += self.o.payload[kernel].eq(result)
        return m

    def _requantise(
        self, m: Module, step: Signal, kernel: int, value: Value, bounds: IntRange
    ) -> Value:
        """Equation (1) of one kernel, in registers that move by a beat a step."""

        def register(shape: ShapeLike, source: ValueLike, name: str) -> Signal:
            stage = Signal(shape, name=f"k{kernel}_{name}", reset_less=True)
            with m.If(step):
                m.d.sync += stage.eq(source)
            return stage

        output = self.config.output
        # Stage 1: the factor.
        if self.scaled:
            bounds = bounds * IntRange.of_bits(output.scale_bits, signed=False)
            value = register(shape_of(bounds), value * self.i_scale[kernel], "scaled")
        # Stage 2: round and clip.
        rounded = Signal(shape_of(rounded_range(bounds, output.shift)), name=f"k{kernel}_rounded")
        m.d.comb += rounded.eq(round_half_even(value, output.shift))
        clipped = clip(rounded, rounded_range(bounds, output.shift), self.config.output_range)
        return register(shape_of(self.config.output_range), clipped, "clipped")
