"""From exact sums to a layer's output values, some channels a beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.requantise import round_half_even, rounded_range
from hw.network.streams import value_layout
from hw.shapes import shape_of
from sw.network.graph import Requantise, word_of
from sw.network.window import groups_of
from sw.numeric import IntRange

__all__ = ["LaneRequantise"]


class LaneRequantise(wiring.Component):
    """Requantise the channels of each pixel.

    o.values[l] = clamp(round_half_even(i.values[l] * multiplier[k] / 2**shift), limits)      (1)

    where k is the channel of lane l; without ``requantise`` it only clamps into the word that
    carries ``output_range``, which weights that are loaded later may exceed.
    Bit-exact to :func:`sw.numeric.requantise`. :attr:`latency` cycles, one beat a cycle; ``o`` is
    registered, and ``i.ready`` follows ``o.ready`` in the same cycle.

    Parameters
    ----------
    channels : int
    lanes : int
        Channels a beat.
    sums : IntRange
        What comes.
    output_range : IntRange
        What goes; the requantiser's limits, if there is one.
    requantise : Requantise, optional

    Members
    -------
    i : ``In(stream.Signature(value_layout(sums, lanes)))``
    o : ``Out(stream.Signature(value_layout(output_range, lanes)))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        *,
        channels: int,
        lanes: int,
        sums: IntRange,
        output_range: IntRange,
        requantise: Requantise | None,
    ) -> None:
        self.groups = groups_of(channels, lanes)
        self.lanes = lanes
        self.sums = sums
        self.output_range = output_range
        if requantise is None:
            bits, signed = word_of(output_range)
            self.output_range = IntRange.of_bits(bits, signed=signed)
        self.requantise = requantise
        super().__init__(
            {
                "i": In(stream.Signature(value_layout(shape_of(sums), lanes))),
                "o": Out(stream.Signature(value_layout(shape_of(output_range), lanes))),
            }
        )

    @property
    def multiplies(self) -> bool:
        """Whether there are multipliers to be heeded."""
        return self.requantise is not None and self.requantise.multiplies

    @property
    def latency(self) -> int:
        """Cycles from a beat to its values."""
        return 2 if self.multiplies else 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        move = Signal()
        m.d.comb += [move.eq(~self.o.valid | self.o.ready), self.i.ready.eq(move)]
        beat: data.View = self.i.payload
        valid: Value = self.i.valid
        values: Sequence[Value] = list(beat["values"])
        bounds, shift = self.sums, 0
        marks: tuple[Value, Value] = (beat.last, beat.bad)
        if self.requantise is not None:
            shift = self.requantise.shift
        if self.multiplies:
            bounds, values, marks, valid = self._multiplied(m, move, values, marks, valid)
        # The last stage: round and clamp.
        rounded = rounded_range(bounds, shift)
        with m.If(move):
            m.d.sync += [
                self.o.valid.eq(valid),
                self.o.payload.last.eq(marks[0]),
                self.o.payload.bad.eq(marks[1]),
            ]
            for lane, value in enumerate(values):
                near = Signal(shape_of(rounded), name=f"rounded_{lane}")
                m.d.comb += near.eq(round_half_even(value, shift))
                clamped = _clamp(near, rounded, self.output_range)
                m.d.sync += self.o.payload["values"][lane].eq(clamped)
        return m

    def _multiplied(
        self,
        m: Module,
        move: Signal,
        values: Sequence[Value],
        marks: tuple[Value, Value],
        valid: Value,
    ) -> tuple[IntRange, list[Value], tuple[Value, Value], Value]:
        """Stage 1: each channel's multiplier."""
        assert self.requantise is not None
        factors = self.requantise.multiplier
        limits = IntRange(min(0, int(factors.min())), int(factors.max()))
        bounds = self.sums * limits
        group = Signal(range(self.groups))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += group.eq(Mux(group == self.groups - 1, 0, group + 1))
        padded = np.zeros(self.groups * self.lanes, np.int64)
        padded[: len(factors)] = factors
        products: list[Value] = []
        for lane, value in enumerate(values):
            of_groups = [int(factor) for factor in padded[lane :: self.lanes]]
            factor = Signal(shape_of(limits), name=f"factor_{lane}")
            product = Signal(shape_of(bounds), name=f"product_{lane}", reset_less=True)
            m.d.comb += factor.eq(Array(of_groups)[group])
            with m.If(move):
                m.d.sync += product.eq(self._product(value, factor, of_groups))
            products.append(product)
        held = Signal(2, name="held_marks", reset_less=True)
        waiting = Signal(name="held_valid")
        with m.If(move):
            m.d.sync += [held[0].eq(marks[0]), held[1].eq(marks[1]), waiting.eq(valid)]
        return bounds, products, (held[0], held[1]), waiting

    def _product(self, value: Value, factor: Signal, factors: Sequence[int]) -> Value:
        """``value * factor``; of powers of two a choice of shifts, which takes no multiplier."""
        if any(number & (number - 1) for number in factors):
            return value * factor
        shifts = sorted({number.bit_length() - 1 for number in factors if number})
        if len(shifts) == 1 and all(factors):
            return value << shifts[0]
        chosen: Value = Const(0, value.shape())
        for shift in shifts:
            chosen = Mux(factor[shift], value << shift, chosen)
        return chosen


def _clamp(value: Value, bounds: IntRange, limits: IntRange) -> Value:
    """``value``, known to lie in ``bounds``, clipped into any ``limits``."""
    clamped = value
    if bounds.hi > limits.hi:
        clamped = Mux(value > limits.hi, limits.hi, clamped)
    if bounds.lo < limits.lo:
        clamped = Mux(value < limits.lo, limits.lo, clamped)
    return clamped
