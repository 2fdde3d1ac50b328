"""Whole sets of weights, from a stream or from the register window, in the one order there is."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
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
    word from the window, which goes first; a word of the window is taken in its second cycle. One
    with index 0 begins anew, whatever was under way; while a set from the window is, the stream
    waits. What can become no set is dropped: a stream's set that is too short or too long, the
    rest of one that the window took over from, a window's set that one of its words comes out of
    turn in, that word too. ``refused`` says so. Combinational from ``o.ready`` to both readies.

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
        A set, or a word out of turn, was dropped since the last ``clear``.
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
        begun = Signal()  # a set, of which the last word has not moved
        by_window = Signal()  # what it comes from
        skip = Signal()  # the rest of the stream's set is dropped
        offered = Signal()  # a word of the stream is shown already, and must stay
        word, write, o = self.i, self.i_write, self.o

        # Which source goes on: the window when it asks, the stream unless the window's set waits.
        # What the window asks for is compared in a cycle of its own.
        asks = Signal()
        asked = Signal()
        at_place = Signal()
        at_start = Signal()
        window = Signal()
        turn = Signal()
        stream_goes = Signal()
        first = Signal()
        place, final = self._place(m, first)
        m.d.comb += [
            asks.eq(write.valid & ~offered),
            window.eq(asks & asked),
            turn.eq(begun & by_window & at_place),
            stream_goes.eq(word.valid & ~asks & ~self.pending & ~skip & ~(begun & by_window)),
            first.eq(Mux(window, at_start, ~begun)),
            o.valid.eq(stream_goes | (window & ~self.pending & (turn | first))),
            o.payload.weight.eq(Mux(window, write.payload.weight, word.payload.weight)),
            o.payload.first.eq(first),
            o.payload.last.eq(final & (window | word.payload.last)),
            write.ready.eq(window & ~self.pending & (o.ready | ~(turn | first))),
            word.ready.eq(skip | (stream_goes & o.ready)),
        ]
        m.d.sync += [
            offered.eq(stream_goes & ~o.ready),
            asked.eq(asks & ~write.ready),
            at_place.eq(write.payload.index == place),
            at_start.eq(write.payload.index == 0),
        ]

        # A set is over when it is complete, or when it can no longer be.
        moved = Signal()
        complete = Signal()
        restarted = Signal()
        out_of_turn = Signal()
        uneven = Signal()
        m.d.comb += [
            moved.eq(o.valid & o.ready),
            complete.eq(moved & o.payload.last),
            restarted.eq(moved & window & first & begun),
            out_of_turn.eq(write.valid & write.ready & ~(turn | first)),
            uneven.eq(moved & ~window & (word.payload.last ^ final)),
        ]
        with m.If(moved):
            m.d.sync += [begun.eq(1), by_window.eq(window)]
        with m.If(complete | uneven | (out_of_turn & by_window)):
            m.d.sync += begun.eq(0)
        with m.If((uneven & final) | (restarted & ~by_window)):
            m.d.sync += skip.eq(1)
        with m.Elif(word.valid & word.ready & word.payload.last):
            m.d.sync += skip.eq(0)
        with m.If(complete):
            m.d.sync += self.pending.eq(1)
        with m.Elif(self.swap):
            m.d.sync += self.pending.eq(0)
        with m.If(restarted | out_of_turn | uneven):
            m.d.sync += self.refused.eq(1)
        with m.Elif(self.clear):
            m.d.sync += self.refused.eq(0)
        return m

    def _place(self, m: Module, first: Signal) -> tuple[Value, Signal]:
        """Count what moves: (index in the window of the next word, whether this is a set's last).

        ``first``: the word that is shown is a set's first, whatever came before.
        """
        next_column = Signal(range(self.products))
        next_row = Signal(range(self.channels))
        row_ends = Signal()
        final = Signal()
        # What the counters say does not wait for `first`, which comes late.
        in_last_column, in_last_row = (
            next_column == self.products - 1,
            next_row == self.channels - 1,
        )
        m.d.comb += [
            row_ends.eq(Mux(first, self.products == 1, in_last_column)),
            final.eq(Mux(first, self.products * self.channels == 1, in_last_column & in_last_row)),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [
                next_column.eq(Mux(row_ends, 0, Mux(first, 1, next_column + 1))),
                next_row.eq(Mux(first, 0, next_row) + row_ends),
            ]
        return Cat(next_column[: self.column_bits], next_row), final
