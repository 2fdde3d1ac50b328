"""Results that were made and not yet asked for."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["ResultQueue"]


class ResultQueue(wiring.Component):
    """Keep up to ``depth`` results until they are taken, first in, first out.

    There is no room to be asked for: whoever makes results must have counted. ``o`` is
    registered. With a depth of 2 the other place is the maker's own register, so
    ``i.payload`` must stand until the next result. :attr:`latency` cycles.

    Parameters
    ----------
    shape : ShapeLike
    depth : int
        At least 2.

    Members
    -------
    i : ``In(stream.Signature(shape, always_ready=True))``
    o : ``Out(stream.Signature(shape))``
    o_next : ``Out(1)``
        What ``o.valid`` will be in the next cycle; combinational from ``o.ready``.
    """

    i: stream.Interface
    o: stream.Interface
    o_next: Signal

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        self.shape = shape
        self.depth = depth
        super().__init__(
            {
                "i": In(stream.Signature(shape, always_ready=True)),
                "o": Out(stream.Signature(shape)),
                "o_next": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles through an empty queue."""
        return 1 if self.depth == 2 else 2

    def elaborate(self, platform: object) -> Module:
        m = Module()
        room = Signal()
        load = Signal()
        m.d.comb += [
            room.eq(~self.o.valid | self.o.ready),
            self.o_next.eq(~room | load),
        ]
        m.d.sync += self.o.valid.eq(self.o_next)
        if self.depth == 2:
            self._from_maker(m, room, load)
        else:
            self._from_memory(m, room, load)
        return m

    def _from_maker(self, m: Module, room: Signal, load: Signal) -> None:
        """One result is shown, the other stands where it was made."""
        waiting = Signal()
        m.d.comb += load.eq(room & (self.i.valid | waiting))
        m.d.sync += waiting.eq(~room & (self.i.valid | waiting))
        with m.If(room):
            m.d.sync += self.o.payload.eq(self.i.payload)

    def _from_memory(self, m: Module, room: Signal, load: Signal) -> None:
        """One result is shown, the others lie in a ring; a read never meets a write."""
        words = self.depth - 1
        memory = Memory(shape=self.shape, depth=words, init=[], attrs={"no_rw_check": "1"})
        m.submodules.results = memory
        write, read = memory.write_port(), memory.read_port()
        stored = Signal(range(words + 1))
        m.d.comb += [
            load.eq(room & (stored != 0)),
            write.data.eq(self.i.payload),
            write.en.eq(self.i.valid),
            read.en.eq(load),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += stored.eq(stored + self.i.valid - load)
        for port, moves in ((write, self.i.valid), (read, load)):
            with m.If(moves):
                m.d.sync += port.addr.eq(port.addr + 1)
                with m.If(port.addr == words - 1):
                    m.d.sync += port.addr.eq(0)
