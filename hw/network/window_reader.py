"""The rows of a frame in a memory, read window by window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Shape, ShapeLike, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.network.streams import value_layout
from hw.network.window_scan import WindowScan
from sw.network.window import WindowGeometry

__all__ = ["WindowReader", "cell_layout"]


def cell_layout(shape: ShapeLike, lanes: int) -> data.StructLayout:
    """A cell of a window, or an ``extra`` step, whose ``values`` are arbitrary.

    ``first`` and ``last`` of its pass; ``final``, with ``last``: of the frame's last pass, and
    ``bad``, with that: the frame is.
    """
    marks = dict.fromkeys(("extra", "first", "last", "final", "bad"), 1)
    return data.StructLayout({"values": data.ArrayLayout(shape, lanes), **marks})


class WindowReader(wiring.Component):
    """Keep the rows that windows still need, and hand on the cells of one window after the other.

    Windows come row by row; of each the cells, row by row, several times:

    * with ``passes``, so often, each time all channels of a cell before the next cell;
    * without, once for each group of channels, that group alone.

    A padded cell has the value ``padding_value``. ``extra`` steps stand before each pass. A row of
    windows begins when its rows are complete; rows that no window needs any more make room. One
    cell a cycle within a row of windows. All of ``o`` is registered; ``i.ready`` depends on
    registers alone, and where two frames may end in the memory on ``i.payload.last``.

    Parameters
    ----------
    shape : ShapeLike
        Of a value.
    geometry : WindowGeometry
    passes : int, optional
    extra : int
    padding_value : int

    Members
    -------
    i : ``In(stream.Signature(value_layout(shape, lanes)))``
        Whole frames; ``last`` must be where the geometry has it.
    o : ``Out(stream.Signature(cell_layout(shape, lanes)))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        shape: ShapeLike,
        geometry: WindowGeometry,
        *,
        passes: int | None = None,
        extra: int = 0,
        padding_value: int = 0,
    ) -> None:
        self.geometry = geometry
        self.shape = Shape.cast(shape)
        self.padding_value = padding_value
        self.scan = WindowScan(geometry, passes=passes, extra=extra)
        super().__init__(
            {
                "i": In(stream.Signature(value_layout(self.shape, geometry.lanes))),
                "o": Out(stream.Signature(cell_layout(self.shape, geometry.lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        memory = Memory(
            shape=len(Value.cast(self.i.payload["values"])),
            depth=g.words,
            init=[],
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        m.submodules.rows = memory
        filled, drop, judged, verdict = Signal(range(g.rows + 1)), Signal(), Signal(), Signal()
        row_ends = self._write(m, memory, filled, judged, verdict)
        m.d.sync += filled.eq(filled + row_ends - drop)
        final = self._turns(m, filled, drop)
        self._read(m, memory, final, verdict)
        with m.If(final):
            m.d.sync += judged.eq(0)
        return m

    def _write(
        self, m: Module, memory: Memory, filled: Signal, judged: Signal, verdict: Signal
    ) -> Signal:
        """Take values while there is room; returns whether a row is complete now."""
        g, value = self.geometry, self.i.payload
        write = memory.write_port()
        column = Signal(range(g.row_words), name="write_column")
        take, row_ends = Signal(), Signal()
        # The verdict of one frame must be used before that of the next comes.
        second = judged & value.last if g.rows > g.input_shape[1] else Const(0)
        m.d.comb += [
            self.i.ready.eq((filled != g.rows) & ~second),
            take.eq(self.i.valid & self.i.ready),
            row_ends.eq(take & (column == g.row_words - 1)),
            write.en.eq(take),
            write.data.eq(value["values"]),
        ]
        with m.If(take):
            m.d.sync += [
                column.eq(Mux(row_ends, 0, column + 1)),
                write.addr.eq(Mux(write.addr == g.words - 1, 0, write.addr + 1)),
            ]
            with m.If(value.last):
                m.d.sync += [judged.eq(1), verdict.eq(value.bad)]
        return row_ends

    def _turns(self, m: Module, filled: Signal, drop: Signal) -> Value:
        """Scan each row of windows when it is there, then make room; returns the frame's end."""
        g, scan = self.geometry, self.scan
        m.submodules.scan = scan
        rows = g.output_size[0]
        needed = _chosen(m, scan.row, [g.rows_needed(n) for n in range(rows)], "needed")
        dropped = _chosen(m, scan.row, [g.rows_dropped(n) for n in range(rows)], "dropped")
        left = Signal.like(dropped, name="left", init=0)
        ends, final = Signal(), Signal()
        m.d.comb += [
            ends.eq(scan.o.valid & scan.o.ready & scan.o.payload.end),
            final.eq(ends & (scan.row == rows - 1)),
            scan.start.eq(~scan.o.valid & (left == 0) & (filled >= needed)),
            drop.eq((left != 0) & (filled != 0)),
        ]
        base = Signal(range(g.words))
        m.d.comb += scan.base.eq(base)
        with m.If(ends):
            m.d.sync += left.eq(dropped)
        with m.Elif(drop):
            around = base == g.words - g.row_words
            m.d.sync += [left.eq(left - 1), base.eq(Mux(around, 0, base + g.row_words))]
        return final

    def _read(self, m: Module, memory: Memory, final: Value, verdict: Signal) -> None:
        """Stage 1: out of the memory."""
        scan, out = self.scan, self.o.payload
        read = memory.read_port()
        move, inside = Signal(), Signal()
        m.d.comb += [
            move.eq(~self.o.valid | self.o.ready),
            scan.o.ready.eq(move),
            read.addr.eq(scan.o.payload.address),
            read.en.eq(move),
        ]
        with m.If(move):
            m.d.sync += [
                self.o.valid.eq(scan.o.valid),
                inside.eq(scan.o.payload.inside),
                out.extra.eq(scan.o.payload.extra),
                out.first.eq(scan.o.payload.first),
                out.last.eq(scan.o.payload.last),
                out.final.eq(final),
                out.bad.eq(final & verdict),
            ]
        padded = Cat([Const(self.padding_value, self.shape)] * self.geometry.lanes)
        shown: Value = read.data
        if any(self.geometry.padding.as_array()):
            shown = Mux(inside, shown, padded)
        m.d.comb += Value.cast(out["values"]).eq(shown)


def _chosen(m: Module, index: Signal, values: Sequence[int], name: str) -> Signal:
    """``values[index]``, in little logic where most are alike."""
    usual, _ = Counter(values).most_common(1)[0]
    chosen = Signal(range(max(values) + 1), name=name)
    m.d.comb += chosen.eq(usual)
    with m.Switch(index):
        for n, value in enumerate(values):
            if value != usual:
                with m.Case(n):
                    m.d.comb += chosen.eq(value)
    return chosen
