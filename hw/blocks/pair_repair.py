"""Products of operand pairs that were changed while they were remembered, made again."""

from __future__ import annotations

from math import prod
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.fold import FoldGeometry
from hw.protection import Guard

__all__ = ["PairRepair", "pair_layout", "reads_layout"]


def pair_layout(geometry: FoldGeometry) -> data.StructLayout:
    """The operands of a product."""
    return data.StructLayout({"value": geometry.value_shape, "weight": geometry.weight_shape})


def reads_layout(geometry: FoldGeometry) -> data.StructLayout:
    """What is read in a sub-step, by lane: the products of which pairs, from which entries."""
    lanes = prod(geometry.lanes)
    entries = range(geometry.config.table.entries)
    return data.StructLayout(
        {
            "tag": geometry.tag_layout,
            "pair": data.ArrayLayout(pair_layout(geometry), lanes),
            "entry": data.ArrayLayout(entries, lanes),
        }
    )


class PairRepair(wiring.Component):
    """Hand products on in the next step; hold those that are damaged until they are made again.

    The lanes' multipliers make them, from the pair. The entry is written anew while it surely is
    that pair's: if the lane's table has taken no other one since the read. Else it is left as it
    is, to be found again if it is the pair's all the same.

    Parameters
    ----------
    geometry : FoldGeometry
        Of a configuration with protection.

    Members
    -------
    step : ``In(1)``
        A sub-step is made; not while ``held``.
    live, wanted, of : ``In(1)``, ``In(lanes)``, ``In(reads_layout(geometry))``
        With a step: whether something is read, the lanes that have a part in it, and what it is.
    i : ``In(unsigned)`` array of lanes
        As they are kept: what was read in the step before.
    renewed : ``In(lanes)``
        With a step: lanes whose tables have taken a pair since the step before.
    o : ``Out(product_shape)`` array of lanes
        Those of ``i`` in the step before; arbitrary where a lane has no part.
    valid : ``Out(1)``
        For the one cycle, after a step or after repairs, in which ``o`` leaves.
    shown, parts : ``Out(reads_layout(geometry))``, ``Out(lanes)``
        What ``o`` is, and the lanes that have a part in it.
    held : ``Out(1)``
        No step may be made: some of ``o`` is wrong.
    held_next : ``Out(1)``
        What ``held`` will be in the next cycle; combinational.
    bad : ``Out(lanes)``
        Which of ``o`` are to be made again.
    anew : ``Out(lanes)``
        The entries that are to be written anew with that.
    made, products : ``In(lanes)``, ``In(product_shape)`` array of lanes
        These products are here; only for ``bad`` ones.
    """

    step: Signal
    live: Signal
    wanted: Signal
    of: data.View
    i: Any
    renewed: Signal
    o: Any
    valid: Signal
    shown: data.View
    parts: Signal
    held: Signal
    held_next: Signal
    bad: Signal
    anew: Signal
    made: Signal
    products: Any

    def __init__(self, geometry: FoldGeometry) -> None:
        self.geometry = geometry
        self.guard = Guard(geometry.config)
        lanes, product = prod(geometry.lanes), geometry.product_shape
        super().__init__(
            {
                "step": In(1),
                "live": In(1),
                "wanted": In(lanes),
                "of": In(reads_layout(geometry)),
                "i": In(unsigned(self.guard.width(product.width))).array(lanes),
                "renewed": In(lanes),
                "o": Out(product).array(lanes),
                "valid": Out(1),
                "shown": Out(reads_layout(geometry)),
                "parts": Out(lanes),
                "held": Out(1),
                "held_next": Out(1),
                "bad": Out(lanes),
                "anew": Out(lanes),
                "made": In(lanes),
                "products": In(product).array(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # What `i` is of, and then `o`.
        coming, there, wanted = self._later(m)
        found = Cat(self.guard.damaged(kept) for kept in self.i) & wanted
        bad_next = Signal.like(self.bad)
        m.d.comb += [
            bad_next.eq(Mux(self.step, found, self.bad & ~self.made)),
            self.held.eq(self.bad.any()),
            self.held_next.eq(bad_next.any()),
        ]
        m.d.sync += [
            self.bad.eq(bad_next),
            self.valid.eq(Mux(self.step, there, self.held) & ~self.held_next),
        ]
        with m.If(self.step):
            m.d.sync += [
                self.shown.eq(coming),
                self.parts.eq(wanted),
                self.anew.eq(~self.renewed),
            ]
        width = self.geometry.product_shape.width
        for n, product in enumerate(self.o):
            with m.If(self.step):
                m.d.sync += product.eq(self.i[n][:width])
            with m.If(self.made[n]):
                m.d.sync += product.eq(self.products[n])
        return m

    def _later(self, m: Module) -> tuple[data.View, Signal, Signal]:
        """What was read in the step before: (of what, whether something, by which lanes)."""
        of = Signal(reads_layout(self.geometry), name="coming", reset_less=True)
        live, wanted = Signal(name="coming_live"), Signal.like(self.wanted, name="coming_wanted")
        with m.If(self.step):
            m.d.sync += [of.eq(self.of), live.eq(self.live), wanted.eq(self.wanted)]
        return of, live, wanted
