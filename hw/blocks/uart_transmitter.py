"""Bytes to an asynchronous serial line: 8 data bits, no parity, 1 stop bit."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.uart_receiver import check_divisor

__all__ = ["UartTransmitter"]

_FRAME_BITS = 10


class UartTransmitter(wiring.Component):
    """Send bytes on a serial line, 10 bits each.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit, 4 or more.

    Members
    -------
    i : ``In(stream.Signature(8))``
        Ready while the line is idle: a byte every ``10 * divisor + 1`` cycles.
    tx : ``Out(1)``
        The pin, from a register; 1 when idle.

    Raises
    ------
    ValueError
        If ``divisor`` is too small.
    """

    i: stream.Interface
    tx: Signal

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        timer, left = Signal(range(self.divisor)), Signal(range(_FRAME_BITS + 1))
        bit, rest = Signal(init=1), Signal(_FRAME_BITS - 1)  # on the line, and after it
        m.d.comb += [self.tx.eq(bit), self.i.ready.eq(left == 0)]
        idle = self.i.ready
        with m.If(idle & self.i.valid):
            start, stop = Const(0, 1), Const(1, 1)
            m.d.sync += [
                Cat(bit, rest).eq(Cat(start, self.i.payload, stop)),
                left.eq(_FRAME_BITS),
                timer.eq(self.divisor - 1),
            ]
        with m.Elif(~idle & (timer == 0)):
            m.d.sync += [
                Cat(bit, rest).eq(Cat(rest, Const(1, 1))),
                left.eq(left - 1),
                timer.eq(self.divisor - 1),
            ]
        with m.Elif(~idle):
            m.d.sync += timer.eq(timer - 1)
        return m
