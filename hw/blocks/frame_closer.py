"""The end of the datapath: outputs wait here until their frame's end is known."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FrameCloser"]


class FrameCloser(wiring.Component):
    """Pass on the beats that emit; hold a frame's last output until the frame has ended.

    Only at the beat marked ``end`` is it known whether a frame was good, and with a stride or
    padding its last output may come before. Two outputs are held in registers, so ``i.ready``
    and all of ``o`` are registered: no ready path runs through. One output a cycle.

    Parameters
    ----------
    shape : ShapeLike
        Of an output.

    Members
    -------
    i : ``In(stream.Signature({"y": shape, "emit": 1, "last": 1, "end": 1, "bad": 1}))``
        ``last`` marks the final ``emit`` of a frame; ``end`` comes with it or later.
    o : ``Out(stream.Signature({"y": shape, "last": 1, "bad": 1}))``
        ``bad``, with ``last``: the frame was short or long.
    i_next : ``Out(1)``
        What ``i.ready`` will be in the next cycle; combinational.
    busy : ``Out(1)``
        An output is held.
    """

    i: stream.Interface
    o: stream.Interface
    i_next: Signal
    busy: Signal

    def __init__(self, shape: ShapeLike) -> None:
        self.shape = shape
        beat = data.StructLayout({"y": shape, "emit": 1, "last": 1, "end": 1, "bad": 1})
        output = data.StructLayout({"y": shape, "last": 1, "bad": 1})
        super().__init__(
            {
                "i": In(stream.Signature(beat)),
                "o": Out(stream.Signature(output)),
                "i_next": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # `head` leaves next, `tail` waits behind it; `held`: its frame's end is still to come.
        entry = data.StructLayout({"y": self.shape, "last": 1, "bad": 1, "held": 1})
        head = Signal(entry)
        tail = Signal(entry)
        new = Signal(entry)
        head_valid = Signal()
        tail_valid = Signal()
        step = Signal()
        push = Signal()
        pop = Signal()
        close = Signal()
        move = Signal()
        beat = self.i.payload
        m.d.comb += [
            self.i.ready.eq(~tail_valid),
            self.o.valid.eq(head_valid & ~head.held),
            self.o.payload.y.eq(head.y),
            self.o.payload.last.eq(head.last),
            self.o.payload.bad.eq(head.bad),
            self.busy.eq(head_valid),
            step.eq(self.i.valid & self.i.ready),
            push.eq(step & beat.emit),
            pop.eq(self.o.valid & self.o.ready),
            close.eq(step & beat.end & ~beat.emit),
            new.y.eq(beat.y),
            new.last.eq(beat.last),
            new.bad.eq(beat.end & beat.bad),
            new.held.eq(beat.last & ~beat.end),
            move.eq(~head_valid | pop),
            self.i_next.eq(move | ~(tail_valid | push)),
        ]
        m.d.sync += [head_valid.eq(~move | tail_valid | push), tail_valid.eq(~self.i_next)]
        with m.If(move):
            m.d.sync += head.eq(Mux(tail_valid, tail, new))
        with m.If(~tail_valid):
            m.d.sync += tail.eq(new)
        # A beat comes only while `tail` is free, so the frame's last output is `head`.
        with m.If(close):
            m.d.sync += [head.held.eq(0), head.bad.eq(beat.bad)]
        return m
