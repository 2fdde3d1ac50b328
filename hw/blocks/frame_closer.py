"""The end of the datapath: outputs wait here until their frame's end is known."""

from __future__ import annotations

from collections.abc import Callable

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.skid_buffer import SkidBuffer
from hw.blocks.stream_buffer import StreamBuffer

__all__ = ["FrameCloser"]


class FrameCloser(wiring.Component):
    """Pass on the beats that emit; hold a frame's last output until the frame has ended.

    Only at the beat marked ``end`` is it known whether a frame was good, and with a stride its
    last output may come before. Outputs are held in a queue, which cuts the ready path:
    ``i.ready`` is registered, and so is all of ``o`` but the hold. Throughput and latency are
    the queue's.

    Parameters
    ----------
    shape : ShapeLike
        Of an output.
    queue : callable
        Makes a :class:`~hw.blocks.stream_buffer.StreamBuffer` for a shape; the half buffer only
        where beats come every second cycle at most.
    ends_late : bool
        Whether a frame's end may come after its last output; False saves what holds that.

    Members
    -------
    i : ``In(stream.Signature({"y": shape, "emit": 1, "last": 1, "end": 1, "bad": 1}))``
        ``last`` marks the final ``emit`` of a frame; ``end`` comes with it, or later; ``bad``
        comes with ``end`` alone.
    o : ``Out(stream.Signature({"y": shape, "last": 1, "bad": 1}))``
        ``bad``, with ``last``: the frame was short or long.
    i_next : ``Out(1)``
        As the queue's; combinational.
    busy : ``Out(1)``
        An output is held.
    """

    i: stream.Interface
    o: stream.Interface
    i_next: Signal
    busy: Signal

    def __init__(
        self,
        shape: ShapeLike,
        *,
        queue: Callable[[ShapeLike], StreamBuffer] = SkidBuffer,
        ends_late: bool = True,
    ) -> None:
        self.ends_late = ends_late
        beat = data.StructLayout({"y": shape, "emit": 1, "last": 1, "end": 1, "bad": 1})
        output = data.StructLayout({"y": shape, "last": 1, "bad": 1})
        entry = data.StructLayout({"y": shape, "last": 1} | ({} if ends_late else {"bad": 1}))
        self.queue = queue(entry)
        super().__init__(
            {
                "i": In(stream.Signature(beat)),
                "o": Out(stream.Signature(output)),
                "i_next": Out(1),
                "busy": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from an output to its leaving, when nothing waits."""
        return self.queue.LATENCY

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self.queue
        beat, entry, head = self.i.payload, queue.i.payload, queue.o.payload
        waits = Signal()
        m.d.comb += [
            queue.i.valid.eq(self.i.valid & beat.emit),
            entry.y.eq(beat.y),
            entry.last.eq(beat.last),
            self.busy.eq(queue.busy),
            self.o.valid.eq(queue.o.valid & ~waits),
            self.o.payload.y.eq(head.y),
            self.o.payload.last.eq(head.last),
            queue.o.ready.eq(self.o.ready & ~waits),
        ]
        if self.ends_late:
            self._hold(m, waits)
        else:
            m.d.comb += [
                waits.eq(0),
                self.i.ready.eq(queue.i.ready),
                self.i_next.eq(queue.i_next),
                entry.bad.eq(beat.bad),
                self.o.payload.bad.eq(head.bad),
            ]
        return m

    def _hold(self, m: Module, waits: Signal) -> None:
        """Give each frame's verdict to its last output, which waits for it."""
        queue, beat, head = self.queue, self.i.payload, self.queue.o.payload
        # Of the frames that have ended and whose last output is still here, oldest first.
        ended = Signal(range(queue.capacity + 1))
        verdicts = Signal(queue.capacity)
        left = Signal.like(ended)
        # The last output came, the end did not: until then no beat emits, and none needs room.
        open_ = Signal()
        open_next = Signal()
        step = Signal()
        end = Signal()
        leaves = Signal()
        foreseen = bool(queue.foresight)  # then the end may be on its way, and outputs behind it
        m.d.comb += [
            self.i.ready.eq(queue.i.ready | (open_ & ~foreseen)),
            self.i_next.eq(queue.i_next | (open_next & ~foreseen)),
            step.eq(self.i.valid & self.i.ready),
            end.eq(step & beat.end),
            open_next.eq((open_ | (step & beat.last)) & ~end),
            leaves.eq(self.o.valid & self.o.ready & head.last),
            left.eq(ended - leaves),
            waits.eq(head.last & (ended == 0)),
            self.o.payload.bad.eq(head.last & verdicts[0]),
        ]
        m.d.sync += [
            open_.eq(open_next),
            ended.eq(left + end),
            verdicts.eq(Mux(leaves, verdicts >> 1, verdicts)),
        ]
        with m.If(end):
            m.d.sync += verdicts.bit_select(left, 1).eq(beat.bad)
