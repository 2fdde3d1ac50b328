"""Packets of the host link out of the bytes of a line, only those that are whole."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.blocks.uart_receiver import received_layout
from sw.link import CHECK_BYTES, ESCAPE, ESCAPE_FLIP, FLAG, MAX_PAYLOAD

__all__ = ["PacketReceiver", "packet_layout"]


_HEADER = 3
"""Bytes of a packet's header: sequence number, kind, length."""


def packet_layout() -> data.StructLayout:
    """A byte of a packet, and whether it is its last."""
    return data.StructLayout({"data": 8, "last": 1})


class PacketReceiver(wiring.Component):
    """Find packets, check them, and hand on the whole ones; drop all else without a trace.

    A packet is held in a memory until its check has been seen, so nothing of a damaged one comes
    out. A flag begins a new packet wherever it comes: noise costs the packet that it hits and no
    other. While a packet is handed on no byte is taken.

    Members
    -------
    i : ``In(stream.Signature(received_layout()))``
        ``bad`` ends the packet that it falls into.
    o : ``Out(stream.Signature(packet_layout()))``
        A packet's sequence number, its kind and its payload.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(received_layout())),
                "o": Out(stream.Signature(packet_layout())),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        depth = MAX_PAYLOAD + 2
        memory = Memory(shape=8, depth=depth, init=[], attrs={"no_rw_check": "1"})
        m.submodules.memory = memory
        write, read = memory.write_port(), memory.read_port()
        taken, flag, giving = self._take(m)
        header = Signal(range(_HEADER + 1))  # bytes of it that came
        left = Signal(range(MAX_PAYLOAD + CHECK_BYTES + 1))  # bytes behind it that did not
        count, store, complete = Signal(range(depth + 1)), Signal(), Signal()

        # Stage 0: store what will be handed on, and compute the check of all.
        m.d.comb += [
            complete.eq((header == _HEADER) & (left == 0)),
            self.i.ready.eq(~giving & ~complete),
            crc.start.eq(flag),
            crc.valid.eq(taken.valid),
            crc.data.eq(taken.payload),
            write.addr.eq(count),
            write.data.eq(taken.payload),
            write.en.eq(store),
            store.eq(taken.valid & Mux(header == _HEADER, left > CHECK_BYTES, header != 2)),
        ]
        with m.If(store):
            m.d.sync += count.eq(count + 1)
        with m.If(taken.valid):
            with m.If(header == _HEADER):
                m.d.sync += left.eq(left - 1)
            with m.Else():
                m.d.sync += [header.eq(header + 1), left.eq(taken.payload + CHECK_BYTES)]
        with m.If(flag):
            m.d.sync += [header.eq(0), count.eq(0)]

        # Stage 1: hand it on; the memory is read a cycle ahead.
        index, last = Signal(range(depth)), Signal()
        whole: Any = crc.match_detected  # the stub's signals are not Amaranth's
        with m.If(complete):
            m.d.sync += [header.eq(0), index.eq(0), giving.eq(whole)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [index.eq(index + 1), giving.eq(~last)]
            m.d.comb += read.addr.eq(index + 1)
        with m.Elif(~complete):
            m.d.comb += read.addr.eq(index)
        m.d.comb += [
            self.o.valid.eq(giving),
            self.o.payload.data.eq(read.data),
            last.eq(index + 1 == count),
            self.o.payload.last.eq(last),
        ]
        return m

    def _take(self, m: Module) -> tuple[stream.Interface, Signal, Signal]:
        """The bytes of packets without escapes, flags, and the register that closes the input."""
        taken = stream.Signature(8, always_ready=True).create()
        flag, giving = Signal(), Signal()
        hunting, escaped = Signal(init=1), Signal()
        received = self.i.payload
        moved = self.i.valid & self.i.ready
        m.d.comb += [
            flag.eq(moved & (received.data == FLAG)),
            taken.valid.eq(moved & ~hunting & ~received.bad & ~flag & (received.data != ESCAPE)),
            taken.payload.eq(received.data ^ Mux(escaped, ESCAPE_FLIP, 0)),
        ]
        with m.If(flag):
            m.d.sync += [hunting.eq(0), escaped.eq(0)]
        with m.Elif(moved):
            m.d.sync += [hunting.eq(hunting | received.bad), escaped.eq(received.data == ESCAPE)]
        with m.If(giving):
            m.d.sync += hunting.eq(1)
        return taken, flag, giving
