"""Packets of the host link into the bytes of a line; the last one can be sent again."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from sw.link import CHECK_BYTES, ESCAPE, ESCAPE_FLIP, FLAG, MAX_PAYLOAD

__all__ = ["PacketTransmitter", "answer_layout"]


def answer_layout() -> data.StructLayout:
    """A byte of a packet, whether it is its last; or ``again``: the packet before, no byte."""
    return data.StructLayout({"data": 8, "last": 1, "again": 1})


class PacketTransmitter(wiring.Component):
    """Collect a packet, then send it with its length and its check.

    It stays in a memory until the next one comes, so a receiver that lost it can have it again.
    While a packet is sent no byte is taken.

    Members
    -------
    i : ``In(stream.Signature(answer_layout()))``
        Sequence number, kind and payload of a packet, at least two bytes and at most 257.
    o : ``Out(stream.Signature(8))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {"i": In(stream.Signature(answer_layout())), "o": Out(stream.Signature(8))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        depth = MAX_PAYLOAD + 2
        memory = Memory(shape=8, depth=depth, init=[], attrs={"no_rw_check": "1"})
        m.submodules.memory = memory
        read = memory.read_port()
        count, index, left = Signal(range(depth + 1)), Signal(range(depth)), Signal(range(5))
        byte = Signal(8, reset_less=True)
        raw = stream.Signature(8).create()

        m.d.comb += [
            read.addr.eq(index),
            crc.data.eq(raw.payload),
        ]
        self._collect(m, memory, count)
        with m.FSM():
            with m.State("COLLECT"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & (self.i.payload.last | self.i.payload.again)):
                    m.next = "FLAG"
            with m.State("FLAG"):  # not escaped: past `raw`
                m.d.comb += [self.o.payload.eq(FLAG), self.o.valid.eq(1), crc.start.eq(1)]
                m.d.sync += index.eq(0)
                with m.If(self.o.ready):
                    m.next = "READ"
            with m.State("READ"):  # the memory's cycle
                m.next = "SHOW"
            with m.State("SHOW"):  # and a register: on ECP5 the memory takes 5.8 ns
                m.d.sync += byte.eq(read.data)
                m.next = "BYTE"
            with m.State("BYTE"):
                m.d.comb += [raw.payload.eq(byte), raw.valid.eq(1), crc.valid.eq(raw.ready)]
                m.d.sync += left.eq(CHECK_BYTES)
                with m.If(raw.ready):
                    m.d.sync += index.eq(index + 1)
                    m.next = "READ"
                    with m.If(index == 1):
                        m.next = "LENGTH"
                    with m.Elif(index + 1 == count):
                        m.next = "CHECK"
            with m.State("LENGTH"):
                m.d.comb += [raw.payload.eq(count - 2), raw.valid.eq(1), crc.valid.eq(raw.ready)]
                with m.If(raw.ready):
                    m.next = "SHOW"
                    with m.If(index == count):
                        m.next = "CHECK"
            with m.State("CHECK"):
                last = CHECK_BYTES - left
                m.d.comb += [raw.payload.eq(crc.crc.word_select(last[:2], 8)), raw.valid.eq(1)]
                with m.If(raw.ready):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 1):
                        m.next = "COLLECT"
        self._escape(m, raw)
        return m

    def _collect(self, m: Module, memory: Memory, count: Signal) -> None:
        """Write what comes, the first byte of a packet at 0; ``count`` them."""
        write = memory.write_port()
        fresh = Signal(init=1)  # the next byte begins a packet
        m.d.comb += [
            write.addr.eq(Mux(fresh, 0, count)),
            write.data.eq(self.i.payload.data),
            write.en.eq(self.i.valid & self.i.ready & ~self.i.payload.again),
        ]
        with m.If(write.en):
            m.d.sync += [count.eq(write.addr + 1), fresh.eq(self.i.payload.last)]

    def _escape(self, m: Module, raw: stream.Interface) -> None:
        """Put ``raw`` on the line, with an escape before what would be a flag or an escape."""
        escaped, special = Signal(), Signal()
        m.d.comb += special.eq((raw.payload == FLAG) | (raw.payload == ESCAPE))
        with m.If(raw.valid):
            plain: Value = raw.payload ^ Mux(escaped, ESCAPE_FLIP, 0)
            m.d.comb += [
                self.o.valid.eq(1),
                self.o.payload.eq(Mux(special & ~escaped, ESCAPE, plain)),
                raw.ready.eq(self.o.ready & (escaped | ~special)),
            ]
            with m.If(self.o.ready):
                m.d.sync += escaped.eq(special & ~escaped)
