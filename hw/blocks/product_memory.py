"""The products of some entries, a row at a time, written a group of lanes at a time."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.blocks.miss_unit import TableGeometry
from hw.blocks.tapped_delay import MAX_TABLE_DEPTH
from hw.protection import state

__all__ = ["ROW_STEPS", "ProductMemory"]

ROW_STEPS = 2
"""Steps from a read to its row where that goes to a register first."""


class ProductMemory(wiring.Component):
    """Keep rows of products; show one of them, :attr:`steps` reads after it was asked for.

    A row must not be read in a cycle in which some of it is written. Guarded, each group has a
    parity.

    Parameters
    ----------
    geometry : TableGeometry
    rows : int

    Members
    -------
    write : ``In(1)``
        Put ``products`` in the lanes of ``group`` of row ``entry``.
    group, products : ``In(...)``
    read : ``In(1)``
        Show row ``index``.
    entry, index : ``In(range(rows))`` arrays of ``row_groups``
        The row, for every group's memory.
    row : ``Out(product_shape)`` array of ``row_products``
    damaged : ``Out(1)``, only guarded
        The row is not what was written.
    """

    write: Signal
    entry: Any
    group: Signal
    products: data.View
    read: Signal
    index: Any
    row: Any
    damaged: Signal

    def __init__(self, geometry: TableGeometry, rows: int) -> None:
        self.geometry = g = geometry
        self.rows = rows
        members = {
            "write": In(1),
            "entry": In(range(rows)).array(g.row_groups),
            "group": In(range(g.row_groups)),
            "products": In(data.ArrayLayout(g.product_shape, g.lanes)),
            "read": In(1),
            "index": In(range(rows)).array(g.row_groups),
            "row": Out(g.product_shape).array(g.row_products),
        }
        if g.guard.on:
            members["damaged"] = Out(1)
        super().__init__(members)

    @property
    def is_block(self) -> bool:
        """Whether the memories are too deep for an FPGA's tables."""
        return self.rows > MAX_TABLE_DEPTH

    @property
    def steps(self) -> int:
        """From a read to its row: more where the memory is slow, or its parity is checked."""
        return ROW_STEPS if self.is_block or self.geometry.guard.on else 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        width, guard = g.product_shape.width, g.guard
        damaged = Signal(g.row_groups)
        for group in range(g.row_groups):
            lanes = g.lanes_of(group)
            memory = Memory(
                shape=guard.width(lanes * width),
                depth=self.rows,
                init=[],
                attrs={"no_rw_check": "1", **state("table")},
            )
            m.submodules[f"group_{group}"] = memory
            write, read = memory.write_port(), memory.read_port()
            first = group * g.lanes
            shown: Value = read.data
            if self.steps > 1:
                shown = Signal(len(read.data), name=f"shown_{group}", reset_less=True)
                with m.If(self.read):
                    m.d.sync += shown.eq(read.data)
            m.d.comb += damaged[group].eq(guard.damaged(shown))
            m.d.comb += [
                write.addr.eq(self.entry[group]),
                write.data.eq(guard.guarded(Value.cast(self.products)[: lanes * width])),
                write.en.eq(self.write & (self.group == group)),
                read.addr.eq(self.index[group]),
                read.en.eq(self.read),
                Cat(self.row[first : first + lanes]).eq(shown[: lanes * width]),
            ]
        if guard.on:
            m.d.comb += self.damaged.eq(damaged.any())
        return m
