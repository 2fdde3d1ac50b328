"""The products of some entries, a row at a time, written a group of lanes at a time."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.blocks.miss_unit import TableGeometry

__all__ = ["ProductMemory"]


class ProductMemory(wiring.Component):
    """Keep rows of products; show one of them, a cycle after it is read.

    A row must not be read in a cycle in which some of it is written.

    Parameters
    ----------
    geometry : TableGeometry
    rows : int

    Members
    -------
    write : ``In(1)``
        Put ``products`` in the lanes of ``group`` of row ``entry``.
    entry, group, products : ``In(...)``
    read : ``In(1)``
        Show row ``index`` from the next cycle on.
    index : ``In(range(rows))``
    row : ``Out(product_shape)`` array of ``row_products``
    """

    write: Signal
    entry: Signal
    group: Signal
    products: data.View
    read: Signal
    index: Signal
    row: Any

    def __init__(self, geometry: TableGeometry, rows: int) -> None:
        self.geometry = g = geometry
        self.rows = rows
        super().__init__(
            {
                "write": In(1),
                "entry": In(range(rows)),
                "group": In(range(g.row_groups)),
                "products": In(data.ArrayLayout(g.product_shape, g.lanes)),
                "read": In(1),
                "index": In(range(rows)),
                "row": Out(g.product_shape).array(g.row_products),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        width = g.product_shape.width
        for group in range(g.row_groups):
            lanes = g.lanes_of(group)
            memory = Memory(
                shape=lanes * width, depth=self.rows, init=[], attrs={"no_rw_check": "1"}
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
