"""Bytes from an asynchronous serial line: 8 data bits, no parity, 1 stop bit."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["MIN_DIVISOR", "UartReceiver", "received_layout"]

MIN_DIVISOR = 4
"""Fewest clock cycles of a bit: the middle of a bit must be found."""


def received_layout() -> data.StructLayout:
    """A byte, and whether the line was disturbed at or before it."""
    return data.StructLayout({"data": 8, "bad": 1})


def check_divisor(divisor: int) -> None:
    """Refuse a bit that is too short.

    Raises
    ------
    ValueError
        If it is.
    """
    if divisor < MIN_DIVISOR:
        raise ValueError(f"divisor must be {MIN_DIVISOR} clock cycles a bit or more, not {divisor}")


class UartReceiver(wiring.Component):
    """Take bytes from a serial line.

    Each bit is sampled once, in its middle as counted from the start bit's edge: with 8 cycles a
    bit or more the two ends' clocks may differ by 3 %, with fewer by 1 %. A line cannot
    wait: a byte that comes while the one before was not taken is lost, and the next one says so.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit, 4 or more.

    Members
    -------
    rx : ``In(1)``
        The pin, asynchronous; 1 when idle.
    o : ``Out(stream.Signature(received_layout()))``
        ``bad``: the stop bit was not 1, or bytes before this one were lost.

    Raises
    ------
    ValueError
        If ``divisor`` is too small.
    """

    rx: Signal
    o: stream.Interface

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"rx": In(1), "o": Out(stream.Signature(received_layout()))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1)
        timer = Signal(range(self.divisor + self.divisor // 2))
        bits, left = Signal(8), Signal(range(9))
        complete = Signal()

        # Stage 0: bits, by the timer.
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.FSM():
            with m.State("IDLE"), m.If(~line):
                m.d.sync += [timer.eq(self.divisor // 2 - 2), left.eq(8)]  # 1 to 2 cycles late
                m.next = "START"
            with m.State("START"), m.If(timer == 0):
                m.d.sync += timer.eq(self.divisor - 1)
                m.next = "BITS"
                with m.If(line):  # a spike
                    m.next = "IDLE"
            with m.State("BITS"), m.If(timer == 0):
                m.d.sync += [timer.eq(self.divisor - 1), left.eq(left - 1)]
                with m.If(left == 0):
                    m.d.comb += complete.eq(1)
                    m.next = "IDLE"
                    with m.If(~line):
                        m.next = "BROKEN"
                with m.Else():
                    m.d.sync += bits.eq(Cat(bits[1:], line))
            with m.State("BROKEN"), m.If(line):
                m.next = "IDLE"

        # Stage 1: bytes, while they wait to be taken.
        lost = Signal()
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(complete):
            with m.If(self.o.valid & ~self.o.ready):
                m.d.sync += lost.eq(1)
            with m.Else():
                m.d.sync += [
                    self.o.valid.eq(1),
                    self.o.payload.data.eq(bits),
                    self.o.payload.bad.eq(lost | ~line),
                    lost.eq(0),
                ]
        return m
