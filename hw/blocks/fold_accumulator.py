"""Sums of the products of a window's sub-steps."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Const, Module, ResetSignal, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.fold import FoldGeometry, ProductSignature
from hw.shapes import shape_of
from hw.strategies.contract import learned_sums_layout
from sw.numeric import IntRange

__all__ = ["FoldAccumulator"]


class FoldAccumulator(wiring.Component):
    """Add up each kernel's products, over the lanes and over the sub-steps.

    A balanced tree of one adder a stage a kernel lane; its last sum joins those of the sub-steps
    before. The sums of a kernel group are put down beside those of the other groups; ``o`` is
    valid for the one cycle, :attr:`latency` after its last products, in which all of a window
    are there, and they stand until the next window's first group is complete.

    Every adder has the exact width of what it can hold, so order never matters.

    Parameters
    ----------
    geometry : FoldGeometry

    Members
    -------
    i : ``In(ProductSignature(geometry))``
    o : ``Out(stream.Signature(learned_sums_layout(config), always_ready=True))``
    """

    i: Any
    o: stream.Interface

    def __init__(self, geometry: FoldGeometry) -> None:
        self.geometry = geometry
        # With sub-steps to be added, one term is left for the last adder, otherwise two are.
        self.most = 1 if geometry.sums_in_groups else 2
        terms = geometry.channels.lanes * geometry.taps.lanes
        self.levels = 0
        while terms > self.most:
            self.levels += 1
            terms = (terms + 1) // 2
        sums = stream.Signature(learned_sums_layout(geometry.config), always_ready=True)
        super().__init__({"i": In(ProductSignature(geometry)), "o": Out(sums)})

    @property
    def latency(self) -> int:
        """Cycles from a window's last products to its sums."""
        return self.levels + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        valid, tag = self.i.valid, self.i.tag
        for level in range(self.levels):
            later_valid = Signal(name=f"valid_{level}")
            later_tag = Signal(g.tag_layout, name=f"tag_{level}", reset_less=True)
            m.d.sync += [later_valid.eq(valid), later_tag.eq(tag)]
            valid, tag = later_valid, later_tag
        complete = Signal()
        m.d.comb += complete.eq(valid & tag.last)
        m.d.sync += self.o.valid.eq(complete & (tag.step.kernel == g.kernels.groups - 1))
        for lane in range(g.kernels.lanes):
            total = self._total(m, lane, valid, tag.last)
            for group in range(g.kernels.groups):
                n = g.kernels.part(group, lane)
                if n is not None:
                    with m.If(complete & (tag.step.kernel == group)):
                        m.d.sync += self.o.payload[f"k{g.config.learned[n]}"].eq(total)
        return m

    def _total(self, m: Module, lane: int, valid: Value, last: Value) -> Value:
        """The sum of a kernel lane's group, in the cycle of its last term."""
        g = self.geometry
        terms = self._tree(m, lane)
        whole = shape_of(g.product_range.scaled(g.channels.parts * g.taps.parts))
        total = Signal(whole, name=f"total_{lane}")
        before: Value = Const(0)
        if g.sums_in_groups:
            # Cleared by the register's own reset, which takes no table.
            before = Signal(whole, name=f"before_{lane}", reset_less=True)
            with m.If((valid & last) | ResetSignal()):
                m.d.sync += before.eq(0)
            with m.Elif(valid):
                m.d.sync += before.eq(total)
        m.d.comb += total.eq(sum(terms, before))
        return total

    def _tree(self, m: Module, lane: int) -> list[Value]:
        """Stages 1..: a kernel lane's products, summed pairwise until few are left."""
        g = self.geometry
        values: list[Value] = [x for products in self.i.product[lane] for x in products]
        ranges: list[IntRange] = [g.product_range] * len(values)
        for level in range(self.levels):
            pairs = [slice(n, n + 2) for n in range(0, len(values), 2)]
            ranges = [sum(ranges[pair][1:], ranges[pair][0]) for pair in pairs]
            sums: list[Value] = []
            for n, (pair, limits) in enumerate(zip(pairs, ranges, strict=True)):
                name = f"sum_{lane}_{level}_{n}"
                register = Signal(shape_of(limits), name=name, reset_less=True)
                m.d.sync += register.eq(sum(values[pair][1:], values[pair][0]))
                sums.append(register)
            values = sums
        return values
