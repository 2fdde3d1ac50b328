"""The engine's host on two wires of a serial line: everything of the host link, put together."""

from __future__ import annotations

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.axi import AxiLite, AxiLiteSignature
from hw.blocks.axis import AxiStream, AxiStreamSignature
from hw.blocks.beat_packer import BeatPacker
from hw.blocks.beat_unpacker import BeatUnpacker
from hw.blocks.link_bridge import LinkBridge
from hw.blocks.packet_receiver import PacketReceiver
from hw.blocks.packet_transmitter import PacketTransmitter
from hw.blocks.uart_receiver import UartReceiver
from hw.blocks.uart_transmitter import UartTransmitter

__all__ = ["HostLink"]


class HostLink(wiring.Component):
    """Serial line to AXI: the manager of an engine's three buses.

    ``rx -> UartReceiver -> PacketReceiver -> LinkBridge -> PacketTransmitter -> UartTransmitter
    -> tx``, with ``BeatPacker`` and ``BeatUnpacker`` between the bridge and the two streams.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit, 4 or more.
    identity : bytes
        The answer to HELLO: :func:`sw.link.identity`.
    input_bytes, output_bytes : int
        Of a beat.

    Members
    -------
    rx : ``In(1)``
        Asynchronous.
    tx : ``Out(1)``
    m_axis : ``Out(AxiStreamSignature(...))``
        Pixels.
    s_axis : ``In(AxiStreamSignature(..., user_bits=1))``
        Outputs.
    bus : ``Out(AxiLiteSignature())``
    reset : ``Out(1)``
        High for one cycle at each HELLO: resets what is on the three buses.
    """

    rx: Signal
    tx: Signal
    m_axis: AxiStream
    s_axis: AxiStream
    bus: AxiLite
    reset: Signal

    def __init__(
        self, *, divisor: int, identity: bytes, input_bytes: int, output_bytes: int
    ) -> None:
        self.receiver, self.transmitter = UartReceiver(divisor), UartTransmitter(divisor)
        self.bridge = LinkBridge(identity)
        self.packer, self.unpacker = BeatPacker(input_bytes), BeatUnpacker(output_bytes)
        super().__init__(
            {
                "rx": In(1),
                "tx": Out(1),
                "m_axis": Out(AxiStreamSignature(data_bits=8 * input_bytes)),
                "s_axis": In(AxiStreamSignature(data_bits=8 * output_bytes, user_bits=1)),
                "bus": Out(AxiLiteSignature()),
                "reset": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bridge, packer, unpacker = self.bridge, self.packer, self.unpacker
        m.submodules.uart_receiver = self.receiver
        m.submodules.uart_transmitter = self.transmitter
        m.submodules.packet_receiver = incoming = PacketReceiver()
        m.submodules.packet_transmitter = outgoing = PacketTransmitter()
        m.submodules.bridge = bridge
        m.submodules.packer = ResetInserter(self.reset)(packer)
        m.submodules.unpacker = ResetInserter(self.reset)(unpacker)

        # The line, packets, commands.
        wiring.connect(m, self.receiver.o, incoming.i)
        wiring.connect(m, incoming.o, bridge.i)
        wiring.connect(m, bridge.o, outgoing.i)
        wiring.connect(m, outgoing.o, self.transmitter.i)
        wiring.connect(m, bridge.bus, wiring.flipped(self.bus))
        m.d.comb += [
            self.receiver.rx.eq(self.rx),
            self.tx.eq(self.transmitter.tx),
            self.reset.eq(bridge.reset),
        ]

        # The two streams of beats.
        wiring.connect(m, bridge.o_pixel, packer.i)
        wiring.connect(m, unpacker.o, bridge.i_output)
        m.d.comb += [
            self.m_axis.tvalid.eq(packer.o.valid),
            self.m_axis.tdata.eq(packer.o.payload.data),
            self.m_axis.tlast.eq(packer.o.payload.last),
            packer.o.ready.eq(self.m_axis.tready),
            unpacker.i.valid.eq(self.s_axis.tvalid),
            unpacker.i.payload.data.eq(self.s_axis.tdata),
            unpacker.i.payload.last.eq(self.s_axis.tlast),
            unpacker.i.payload.bad.eq(self.s_axis.tuser),
            self.s_axis.tready.eq(unpacker.i.ready),
        ]
        return m
