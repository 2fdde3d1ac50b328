"""The products of one channel's entries, a row an entry, written a group of lanes at a time."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.blocks.miss_unit import TableGeometry

__all__ = ["ProductMemory"]


class ProductMemory(wiring.Component):
    """Keep the products of a channel's entries; show a row of them, a cycle after it is read.

    A row must not be read in a cycle in which some of it is written.

    Parameters
    ----------
    geometry : TableGeometry

    Members
    -------
    write : ``In(1)``
        Put ``products`` in the lanes of ``group`` of row ``entry``.
    entry, group, products : ``In(...)``
    read : ``In(1)``
        Show row ``index`` from the next cycle on.
    index : ``In(range(entries))``
    row : ``Out(product_shape)`` array of ``products``
    """

    write: Signal
    entry: Signal
    group: Signal
    products: data.View
    read: Signal
    index: Signal
    row: Any

    def __init__(self, geometry: TableGeometry) -> None:
        self.geometry = g = geometry
        super().__init__(
            {
                "write": In(1),
                "entry": In(range(g.entries)),
                "group": In(range(g.groups)),
                "products": In(data.ArrayLayout(g.product_shape, g.lanes)),
                "read": In(1),
                "index": In(range(g.entries)),
                "row": Out(g.product_shape).array(g.products),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        width = g.product_shape.width
        for group in range(g.groups):
            lanes = g.lanes_of(group)
            memory = Memory(
                shape=lanes * width, depth=g.entries, init=[], attrs={"no_rw_check": "1"}
            )
            m.submodules[f"group_{group}"] = memory
            write, read = memory.write_port(), memory.read_port()
            first = group * g.lanes
            m.d.comb += [
                write.addr.eq(self.entry),
                write.data.eq(Value.cast(self.products)[: lanes * width]),
                write.en.eq(self.write & (self.group == group)),
                read.addr.eq(self.index),
                read.en.eq(self.read),
                Cat(self.row[first : first + lanes]).eq(read.data),
            ]
        return m
