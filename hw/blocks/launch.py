"""Registers between where a beat's move is decided and where it is made."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.fanout import kept_register

__all__ = ["Launch"]


class Launch(wiring.Component):
    """Send payloads on a way of :attr:`hops` cycles, each only if there will be room for it.

    What moves with a payload may lie all over the chip; the decision reaches it over as many
    registers as the payload. Nothing can be held on the way: ``room`` must be foreseen.

    Parameters
    ----------
    shape : ShapeLike
    hops : int
        1 or more.

    Members
    -------
    i : ``In(stream.Signature(shape))``
        ``ready`` only where ``valid`` is, and from a register.
    i_next : ``In(1)``
        What ``i.valid`` will be in the next cycle if nothing is taken in this one; more may come.
    room : ``In(1)``
        Whether a payload may leave ``hops + 1`` cycles later.
    o : ``Out(stream.Signature(shape, always_ready=True))``
    o_next : ``Out(1)``
        What ``o.valid`` will be in the next cycle; from a register.
    busy : ``Out(1)``
        A payload is on the way; a register.
    """

    i: stream.Interface
    i_next: Signal
    room: Signal
    o: stream.Interface
    o_next: Signal
    busy: Signal

    def __init__(self, shape: ShapeLike, *, hops: int) -> None:
        if hops < 1:
            raise ValueError(f"hops must be 1 or more, not {hops}")
        self.shape = shape
        self.hops = hops
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "i_next": In(1),
                "room": In(1),
                "o": Out(stream.Signature(shape, always_ready=True)),
                "o_next": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        take_next = self.i_next & self.room
        m.d.comb += self.i.ready.eq(kept_register(m, take_next, "take"))
        moves = [kept_register(m, take_next, "move_0")]
        payload = self.i.payload
        for n in range(self.hops):
            moves.append(kept_register(m, moves[-1], f"move_{n + 1}"))
            held = Signal(self.shape, name=f"payload_{n}", reset_less=True)
            m.d.sync += held.eq(payload)
            payload = held
        m.d.sync += self.busy.eq(Cat(moves[:-1]).any())
        m.d.comb += [
            self.o.payload.eq(payload),
            self.o.valid.eq(moves[-1]),
            self.o_next.eq(moves[-2]),
        ]
        return m
