"""A multiplier a lane."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.fold import FoldGeometry, OperandSignature, ProductSignature

__all__ = ["LaneMultipliers"]


class LaneMultipliers(wiring.Component):
    """Multiply every lane's value by its weight, always :attr:`latency` cycles later.

    At most ``config.lanes.multipliers`` lanes say ``*``, and a chip's multiplier blocks may do
    them; the others are adders of shifted values, which synthesis does not take for a product.

    Parameters
    ----------
    geometry : FoldGeometry

    Members
    -------
    i : ``In(OperandSignature(geometry))``
    i_next : ``Out(1)``
        What ``i.ready`` will be in the next cycle: always 1.
    o : ``Out(ProductSignature(geometry))``
    """

    i: Any
    i_next: Signal
    o: Any

    def __init__(self, geometry: FoldGeometry) -> None:
        self.geometry = geometry
        super().__init__(
            {
                "i": In(OperandSignature(geometry)),
                "i_next": Out(1),
                "o": Out(ProductSignature(geometry)),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles."""
        return 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.i.ready.eq(1), self.i_next.eq(1)]
        m.d.sync += [self.o.valid.eq(self.i.valid), self.o.tag.eq(self.i.tag)]
        for k, c, t in self.geometry.lane_numbers():
            product = Signal(
                self.geometry.product_shape, name=f"product_{k}_{c}_{t}", reset_less=True
            )
            m.d.sync += product.eq(self.i.value[c][t] * self.i.weight[k][c][t])
            m.d.comb += self.o.product[k][c][t].eq(product)
        return m
