"""A multiplier a lane."""

from __future__ import annotations

from math import prod
from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.logic_multiplier import LogicMultiplier
from hw.fold import FoldGeometry, OperandSignature, ProductSignature

__all__ = ["LaneMultipliers"]


class LaneMultipliers(wiring.Component):
    """Multiply every lane's value by its weight, always :attr:`latency` cycles later.

    At most ``config.lanes.multipliers`` lanes say ``*``, and a chip's multiplier blocks may do
    them; the others are :class:`~hw.blocks.logic_multiplier.LogicMultiplier`.

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
        self.multipliers = min(geometry.config.lanes.multipliers, prod(geometry.lanes))
        shapes = geometry.value_shape, geometry.weight_shape, geometry.product_shape
        self.logic = [
            LogicMultiplier(*shapes) for _ in range(prod(geometry.lanes) - self.multipliers)
        ]
        super().__init__(
            {
                "i": In(OperandSignature(geometry)),
                "i_next": Out(1),
                "o": Out(ProductSignature(geometry)),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles: of a product, or longer where some are made of logic."""
        return self.logic[0].latency if self.logic else 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid, tag = self.i.valid, self.i.tag
        for n in range(self.latency):
            later_valid = Signal(name=f"valid_{n}")
            later_tag = Signal.like(tag, name=f"tag_{n}", reset_less=True)
            m.d.sync += [later_valid.eq(valid), later_tag.eq(tag)]
            valid, tag = later_valid, later_tag
        m.d.comb += [
            self.i.ready.eq(1),
            self.i_next.eq(1),
            self.o.valid.eq(valid),
            self.o.tag.eq(tag),
        ]
        for n, (k, c, t) in enumerate(self.geometry.lane_numbers()):
            value, weight = self.i.value[c][t], self.i.weight[k][c][t]
            if n < self.multipliers:
                product = self._multiply(m, f"{k}_{c}_{t}", value, weight)
            else:
                m.submodules[f"lane_{k}_{c}_{t}"] = lane = self.logic[n - self.multipliers]
                m.d.comb += [lane.value.eq(value), lane.weight.eq(weight)]
                product = lane.product
            m.d.comb += self.o.product[k][c][t].eq(product)
        return m

    def _multiply(self, m: Module, name: str, value: Value, weight: Value) -> Value:
        """By a multiplier; where there is time, behind registers of its own and late enough.

        A value goes to a lane of every kernel, and multipliers lie far apart.
        """
        g = self.geometry
        if self.latency > 1:
            near = Signal(g.value_shape, name=f"value_{name}", reset_less=True, attrs={"keep": 1})
            held = Signal(g.weight_shape, name=f"weight_{name}", reset_less=True)
            m.d.sync += [near.eq(value), held.eq(weight)]
            value, weight = near, held
        product = value * weight
        for n in range(max(self.latency - 1, 1)):
            register = Signal(g.product_shape, name=f"product_{name}_{n}", reset_less=True)
            m.d.sync += register.eq(product)
            product = register
        return product
