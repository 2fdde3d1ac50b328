"""Whole sets of weights, from a stream or from the register window, in the one order there is."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.shapes import shape_of
from hw.strategies.contract import weight_layout
from sw.config import EngineConfig

__all__ = ["WeightPort"]


class WeightPort(wiring.Component):
    """Hand weights on as complete sets; a set that is not complete never takes effect.

    A set is every weight in the order of (C, L, kh, kw). It comes from the stream, or word by
    word from the window, which goes first. A word of the window with index 0 begins anew,
    whatever was under way; the stream waits while a set from the window is. A stream's set that
    is too short or too long and a word of the window out of turn are dropped, with what came
    before of their set, and ``refused`` is set. Combinational from ``o.ready`` to both readies.

    Parameters
    ----------
    config : EngineConfig
        With run-time weights.

    Members
    -------
    i : ``In(stream.Signature({"weight": ..., "last": 1}))``
    i_write : ``In(stream.Signature({"index": ..., "weight": ...}))``
        ``index`` is ``c * S + p``, S the power of two at or above the products of a channel.
    o : ``Out(stream.Signature(weight_layout(config)))``
    pending : ``Out(1)``
        A whole set was handed on and waits for its swap; until then no other is begun.
    swap : ``In(1)``
        The set takes effect.
    refused : ``Out(1)``
        A set was dropped since the last ``clear``.
    clear : ``In(1)``
    """

    i: stream.Interface
    i_write: stream.Interface
    o: stream.Interface
    pending: Signal
    swap: Signal
    refused: Signal
    clear: Signal

    def __init__(self, config: EngineConfig) -> None:
        self.channels = config.layer.channels
        self.products = len(config.learned) * config.layer.taps
        self.column_bits = ceil_log2(self.products)
        weight = shape_of(config.layer.weight_format.range)
        index = range(self.channels << self.column_bits)
        super().__init__(
            {
                "i": In(stream.Signature(data.StructLayout({"weight": weight, "last": 1}))),
                "i_write": In(
                    stream.Signature(data.StructLayout({"index": index, "weight": weight}))
                ),
                "o": Out(stream.Signature(weight_layout(config))),
                "pending": Out(1),
                "swap": In(1),
                "refused": Out(1),
                "clear": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        next_column = Signal(range(self.products))
        next_row = Signal(range(self.channels))
        column = Signal.like(next_column)
        row = Signal.like(next_row)
        begun = Signal()
        by_window = Signal()
        skip = Signal()
        final = Signal()
        fault = Signal()
        done = Signal()
        word, write, o = self.i, self.i_write, self.o

        # Which source goes on: the window when it asks, the stream unless the window's set waits.
        turn = Signal()
        first = Signal()
        from_stream = Signal()
        place = Cat(next_column[: self.column_bits], next_row)
        m.d.comb += [
            turn.eq(begun & by_window & (write.payload.index == place)),
            first.eq(Mux(write.valid, write.payload.index == 0, ~begun)),
            from_stream.eq(word.valid & ~write.valid & ~self.pending & ~(begun & by_window)),
            column.eq(Mux(first, 0, next_column)),
            row.eq(Mux(first, 0, next_row)),
            final.eq((column == self.products - 1) & (row == self.channels - 1)),
            o.valid.eq(~self.pending & Mux(write.valid, turn | first, from_stream & ~skip)),
            o.payload.weight.eq(Mux(write.valid, write.payload.weight, word.payload.weight)),
            o.payload.first.eq(first),
            o.payload.last.eq(final & (write.valid | word.payload.last)),
            write.ready.eq(~self.pending & (o.ready | ~(turn | first))),
            word.ready.eq(from_stream & (o.ready | skip)),
        ]

        # A set is over when it is complete, or when it can no longer be.
        moved = Signal()
        m.d.comb += [
            moved.eq(o.valid & o.ready),
            done.eq(moved & o.payload.last),
            fault.eq(
                (write.valid & write.ready & ~(turn | first))
                | (moved & ~write.valid & (word.payload.last ^ final))
            ),
        ]
        with m.If(moved):
            m.d.sync += [begun.eq(1), by_window.eq(write.valid), next_column.eq(column + 1)]
            m.d.sync += next_row.eq(row)
            with m.If(column == self.products - 1):
                m.d.sync += [next_column.eq(0), next_row.eq(row + 1)]
        with m.If(fault | done):
            m.d.sync += begun.eq(0)
        with m.If(fault & ~write.valid & ~word.payload.last):
            m.d.sync += skip.eq(1)
        with m.If(skip & word.valid & word.ready & word.payload.last):
            m.d.sync += skip.eq(0)
        with m.If(done):
            m.d.sync += self.pending.eq(1)
        with m.If(self.swap):
            m.d.sync += self.pending.eq(0)
        with m.If(fault):
            m.d.sync += self.refused.eq(1)
        with m.Elif(self.clear):
            m.d.sync += self.refused.eq(0)
        return m
