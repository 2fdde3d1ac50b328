"""The cells of a row of windows, one after the other: where each lies, and what it ends."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from sw.network.window import WindowGeometry

__all__ = ["WindowScan", "scan_layout"]


def scan_layout(geometry: WindowGeometry) -> data.StructLayout:
    """A step: the cell's ``address`` among the kept words, and whether it is ``inside`` the frame.

    ``extra``: it is no cell. ``first`` and ``last``: of its pass; ``end``: of the row of windows.
    """
    marks = dict.fromkeys(("inside", "extra", "first", "last", "end"), 1)
    return data.StructLayout({"address": range(geometry.words), **marks})


class WindowScan(wiring.Component):
    """Go through the cells of rows of windows; :class:`~hw.network.window_reader.WindowReader`.

    After a cycle with ``start`` the steps of a row of windows come, one a transfer, up to that with
    ``end``. The first row of the frame that a window has lies at ``base``, which stands still from
    ``start`` to ``end``.

    Parameters
    ----------
    geometry : WindowGeometry
    passes : int, optional
        Each over all channel groups of a cell; without, a pass for each group.
    extra : int
        Steps before each pass.

    Members
    -------
    start : ``In(1)``
        Only while no step is left.
    base : ``In(range(words))``
    o : ``Out(stream.Signature(scan_layout(geometry)))``
    row : ``Out(range(rows of windows))``
        The row that is gone through, or is next.
    """

    start: Signal
    base: Signal
    o: stream.Interface
    row: Signal

    def __init__(self, geometry: WindowGeometry, *, passes: int | None, extra: int) -> None:
        self.geometry = geometry
        self.by_group = passes is None
        self.passes = geometry.groups if passes is None else passes
        self.inner = 1 if passes is None else geometry.groups
        self.extra = extra
        super().__init__(
            {
                "start": In(1),
                "base": In(range(geometry.words)),
                "o": Out(stream.Signature(scan_layout(geometry))),
                "row": Out(range(geometry.output_size[0])),
            }
        )

    @property
    def steps(self) -> int:
        """Steps of a window."""
        height, width = self.geometry.kernel
        return self.passes * (self.extra + height * width * self.inner)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g, out = self.geometry, self.o.payload
        step, cell = Signal(), Signal()
        m.d.comb += [step.eq(self.o.valid & self.o.ready), cell.eq(step & ~out.extra)]
        with m.If(self.start):
            m.d.sync += self.o.valid.eq(1)
        with m.Elif(step & out.end):
            m.d.sync += self.o.valid.eq(0)
        self._extras(m, step)

        # The counters, the fastest first, each with the step in which it moves on.
        _, cell_ends = _counter(m, "group", self.inner, cell)
        _, across_ends = _counter(m, "across", g.kernel[1], cell & cell_ends)
        row_ends = cell_ends & across_ends
        _, down_ends = _counter(m, "down", g.kernel[0], cell & row_ends)
        last = row_ends & down_ends & ~out.extra
        nth, passes_end = _counter(m, "pass", self.passes, cell & last)
        window_ends = last & passes_end
        _, columns_end = _counter(m, "column", g.output_size[1], cell & window_ends)
        end = window_ends & columns_end
        row, rows_end = _counter(m, "row", g.output_size[0], cell & end)
        m.d.comb += [out.last.eq(last), out.end.eq(end), self.row.eq(row)]

        # The word within the row, the column, and the row within the frame.
        group = Mux(last, Mux(passes_end, 0, nth + 1), nth) if self.by_group else Const(0)
        turns = {"restart": row_ends, "moves_on": window_ends, "around": end}
        word = _walk(
            m,
            "word",
            first=-g.padding.left * g.groups,
            last=g.row_words + g.kernel[1] * g.groups,
            stride=g.stride[1] * g.groups,
            increment=g.groups if self.by_group else 1,
            advance=cell,
            plus=group,
            **turns,
        )
        x = _walk(
            m,
            "x",
            first=-g.padding.left,
            last=g.input_shape[2] + g.kernel[1],
            stride=g.stride[1],
            advance=cell & cell_ends,
            **turns,
        )
        y = _walk(
            m,
            "y",
            first=-g.padding.top,
            last=g.input_shape[1] + g.kernel[0],
            stride=g.stride[0],
            advance=cell & row_ends,
            restart=last,
            moves_on=end,
            around=end & rows_end,
        )
        here = self._row_address(m, cell, last=last, row_ends=row_ends & (y >= 0))
        inside = (x >= 0) & (x < g.input_shape[2]) & (y >= 0) & (y < g.input_shape[1])
        m.d.comb += [
            out.address.eq(here + word),
            out.inside.eq(inside if any(g.padding.as_array()) else 1),
        ]
        return m

    def _extras(self, m: Module, step: Signal) -> None:
        """The steps before a pass."""
        out = self.o.payload
        if not self.extra:
            begun = Signal()
            m.d.comb += [out.extra.eq(0), out.first.eq(~begun)]
            with m.If(step):
                m.d.sync += begun.eq(~out.last)
            return
        done = Signal(range(self.extra + 1), name="extra_done")
        m.d.comb += [out.extra.eq(done != self.extra), out.first.eq(done == 0)]
        with m.If(step & out.extra):
            m.d.sync += done.eq(done + 1)
        with m.If(step & out.last):
            m.d.sync += done.eq(0)

    def _row_address(self, m: Module, cell: Signal, *, last: Value, row_ends: Value) -> Signal:
        """The first word of the cell's row: from ``base`` on, the frame's rows alone."""
        g = self.geometry
        here = Signal(range(g.words), name="here")
        with m.If(self.start | (cell & last)):
            m.d.sync += here.eq(self.base)
        with m.Elif(cell & row_ends):
            around = here == g.words - g.row_words
            m.d.sync += here.eq(Mux(around, 0, here + g.row_words))
        return here


def _counter(m: Module, name: str, size: int, step: Value) -> tuple[Value, Value]:
    """A counter of so many steps, and whether it is at its end."""
    if size == 1:
        return Const(0), Const(1)
    count = Signal(range(size), name=name)
    at_end = Signal(name=f"{name}_ends")
    m.d.comb += at_end.eq(count == size - 1)
    with m.If(step):
        m.d.sync += count.eq(Mux(at_end, 0, count + 1))
    return count, at_end


def _walk(
    m: Module,
    name: str,
    *,
    first: int,
    last: int,
    stride: int,
    advance: Value,
    restart: Value,
    moves_on: Value,
    around: Value,
    increment: int = 1,
    plus: ValueLike = 0,
) -> Signal:
    """A position that goes on by ``increment`` with each ``advance``, and back with ``restart``.

    Back is where the window begins, ``plus`` further; and a window that ``moves_on`` begins
    ``stride`` later, or anew at ``first`` when it goes ``around``.
    """
    shape = range(first, last + stride + 1)
    position = Signal(shape, name=name, init=first)
    origin = Signal(shape, name=f"{name}_origin", init=first)
    following = Mux(moves_on, Mux(around, first, origin + stride), origin)
    with m.If(advance):
        m.d.sync += [
            origin.eq(following),
            position.eq(Mux(restart, following + plus, position + increment)),
        ]
    return position
