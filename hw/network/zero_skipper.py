"""The cells of each window that are not zero, read from it once and handed on pass by pass."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Shape, ShapeLike, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.network.window_reader import cell_layout

__all__ = ["ZeroSkipper", "numbered_layout"]


def numbered_layout(shape: ShapeLike, lanes: int, steps: int) -> data.StructLayout:
    """As :func:`cell_layout`, and the number that the ``step`` has among all of its window."""
    return data.StructLayout({**cell_layout(shape, lanes).members, "step": range(steps)})


class ZeroSkipper(wiring.Component):
    """Take the cells of a window once; hand on those with a value that is not zero, in each pass.

    There is room for two windows: while one is handed on, the next comes in. The last cell of a
    window is always handed on, so that every pass has an end. ``extra`` steps stand before each
    pass, as of :class:`~hw.network.window_reader.WindowReader` without this block. A pass over n
    cells that are handed on takes ``extra + n`` cycles, without a gap before the next, but a window
    takes no fewer cycles than it has cells. All marks of ``o`` are registered, its values come from
    the memory; ``i.ready`` depends on registers alone.

    Parameters
    ----------
    shape : ShapeLike
        Of a value.
    lanes : int
        Values of a cell, all of them channels of the frame.
    cells : int
        Of a window.
    passes, extra : int

    Members
    -------
    i : ``In(stream.Signature(cell_layout(shape, lanes)))``
        One pass a window, without extra steps.
    o : ``Out(stream.Signature(numbered_layout(shape, lanes, steps)))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self, shape: ShapeLike, *, lanes: int, cells: int, passes: int, extra: int
    ) -> None:
        self.shape = Shape.cast(shape)
        self.cells = cells
        self.passes = passes
        self.extra = extra
        super().__init__(
            {
                "i": In(stream.Signature(cell_layout(self.shape, lanes))),
                "o": Out(stream.Signature(numbered_layout(self.shape, lanes, self.steps))),
            }
        )

    @property
    def steps(self) -> int:
        """Of a window, if nothing is zero."""
        return self.passes * self.pass_steps

    @property
    def pass_steps(self) -> int:
        """Of a pass, if nothing is zero."""
        return self.extra + self.cells

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = len(Value.cast(self.i.payload["values"]))
        number = range(self.pass_steps)
        entry = data.StructLayout({"values": width, "number": number})
        m.submodules.windows = memory = Memory(
            shape=entry,
            depth=2 << ceil_log2(self.cells),
            init=[],
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        # Of each of the two windows: whether it is there, its last entry, and its marks.
        full = Signal(2)
        top = [Signal(range(self.cells), name=f"top_{n}") for n in range(2)]
        marks = [Signal(2, name=f"marks_{n}") for n in range(2)]
        came = self._collect(m, memory, full, top, marks)
        gone = self._hand_on(m, memory, full, top, marks)
        m.d.sync += full.eq((full & ~gone) | came)
        return m

    def _collect(
        self, m: Module, memory: Memory, full: Signal, top: list[Signal], marks: list[Signal]
    ) -> Value:
        """Write what is not zero; returns which window is complete now."""
        cell, write = self.i.payload, memory.write_port()
        side, filled = Signal(name="filling"), Signal(range(self.cells), name="filled")
        number = Signal(range(self.pass_steps), name="number", init=self.extra)
        taken, ends = Signal(name="taken"), Signal(name="window_came")
        values = Value.cast(cell["values"])
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(side, 1)),
            taken.eq(self.i.valid & self.i.ready),
            ends.eq(taken & cell.last),
            write.addr.eq(Cat(filled, side)),
            write.data["values"].eq(values),
            write.data["number"].eq(number),
            write.en.eq(taken & (values.any() | cell.last)),
        ]
        with m.If(taken):
            m.d.sync += number.eq(Mux(cell.last, self.extra, number + 1))
        with m.If(write.en):
            m.d.sync += filled.eq(Mux(cell.last, 0, filled + 1))
        with m.If(ends):
            m.d.sync += side.eq(~side)
            for n in range(2):
                with m.If(side == n):
                    m.d.sync += [top[n].eq(filled), marks[n].eq(Cat(cell.final, cell.bad))]
        return Cat(ends & ~side, ends & side)

    def _hand_on(
        self, m: Module, memory: Memory, full: Signal, top: list[Signal], marks: list[Signal]
    ) -> Value:
        """Read a window pass by pass; returns which one is done with."""
        side, nth = Signal(name="reading"), Signal(range(self.cells), name="nth")
        extras = Signal(range(self.extra + 1), name="extras_done")
        passed, base = Signal(range(self.passes), name="passed"), Signal(range(self.steps))
        move, step, last, done = Signal(), Signal(), Signal(), Signal()
        is_extra = extras != self.extra
        m.d.comb += [
            move.eq(~self.o.valid | self.o.ready),
            step.eq(move & full.bit_select(side, 1)),
            last.eq(~is_extra & (nth == Mux(side, top[1], top[0]))),
            done.eq(last & (passed == self.passes - 1)),
        ]
        with m.If(step & is_extra):
            m.d.sync += extras.eq(extras + 1)
        with m.Elif(step):
            m.d.sync += nth.eq(nth + 1)
            with m.If(last):
                m.d.sync += [nth.eq(0), extras.eq(0)]
                m.d.sync += [passed.eq(passed + 1), base.eq(base + self.pass_steps)]
            with m.If(done):
                m.d.sync += [passed.eq(0), base.eq(0), side.eq(~side)]
        first = ~extras.any() if self.extra else nth == 0
        number = self._read(m, memory, move, Cat(nth, side))
        shown_base, shown_extras = Signal.like(base), Signal.like(extras)
        out, mark = self.o.payload, Mux(side, marks[1], marks[0])
        with m.If(move):
            m.d.sync += [
                self.o.valid.eq(full.bit_select(side, 1)),
                out.extra.eq(is_extra),
                out.first.eq(first),
                out.last.eq(last),
                out.final.eq(done & mark[0]),
                out.bad.eq(done & mark[1]),
                shown_base.eq(base),
                shown_extras.eq(extras),
            ]
        if self.extra:
            number = Mux(out.extra, shown_extras, number)
        m.d.comb += out.step.eq(shown_base + number)
        ends = step & done
        return Cat(ends & ~side, ends & side)

    def _read(self, m: Module, memory: Memory, move: Signal, address: Value) -> Value:
        """Stage 1: values out of the memory; returns the number of their step in a pass."""
        read = memory.read_port()
        m.d.comb += [
            read.addr.eq(address),
            read.en.eq(move),
            Value.cast(self.o.payload["values"]).eq(read.data["values"]),
        ]
        return Value.cast(read.data["number"])
