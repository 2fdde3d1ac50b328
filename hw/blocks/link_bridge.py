"""The host's commands, carried out: registers over AXI4-Lite, pixels in, outputs back."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.axi import AxiLite, AxiLiteSignature, Response
from hw.blocks.packet_receiver import packet_layout
from hw.blocks.packet_transmitter import answer_layout
from sw.link import LAST, MAX_OUTPUTS, RESPONSE, Command, Status

__all__ = ["LinkBridge", "output_byte_layout"]

QUIET_CYCLES = 256
"""An exchange in which nothing has moved for so long is answered."""

_ADDRESS_BYTES = 2
_WORD_BYTES = 4
_COMMAND_BITS = 2
_LAST_BIT = LAST.bit_length() - 1
_NO_SEQUENCE = 1 << 8


def output_byte_layout() -> data.StructLayout:
    """A byte of an output beat, whether the frame ends with it, and whether the frame was bad."""
    return data.StructLayout({"data": 8, "last": 1, "bad": 1})


class LinkBridge(wiring.Component):
    """Carry out one request after the other, and answer each; see ``docs/reference/host-link.md``.

    A request with the sequence number of the one before is not carried out again: its answer is
    sent again. So a request or an answer that is lost on the line can be repeated without harm.
    Pixels that the engine does not take are not consumed, and the answer says so.

    Parameters
    ----------
    identity : bytes
        The answer to HELLO.

    Members
    -------
    i : ``In(stream.Signature(packet_layout()))``
        Whole requests.
    o : ``Out(stream.Signature(answer_layout()))``
        Answers.
    o_pixel : ``Out(stream.Signature({"data": 8, "last": 1}))``
        Bytes of pixels; ``last`` with the last of a frame.
    i_output : ``In(stream.Signature(output_byte_layout()))``
        Bytes of outputs.
    bus : ``Out(AxiLiteSignature())``
        One transaction at a time.
    reset : ``Out(1)``
        High for one cycle at each HELLO: for all that is behind the bridge.
    """

    i: stream.Interface
    o: stream.Interface
    o_pixel: stream.Interface
    i_output: stream.Interface
    bus: AxiLite
    reset: Signal

    def __init__(self, identity: bytes) -> None:
        self.identity = identity
        super().__init__(
            {
                "i": In(stream.Signature(packet_layout())),
                "o": Out(stream.Signature(answer_layout())),
                "o_pixel": Out(stream.Signature(packet_layout())),
                "i_output": In(stream.Signature(output_byte_layout())),
                "bus": Out(AxiLiteSignature()),
                "reset": Out(1),
            }
        )
        self._sequence = Signal(9, init=_NO_SEQUENCE)  # of the last request carried out
        self._kind = Signal(8)
        self._status = Signal(Status)
        self._ended = Signal()  # the request's last byte was taken
        self._word, self._address = Signal(8 * _WORD_BYTES), Signal(8 * _ADDRESS_BYTES)
        self._count = Signal(range(max(len(identity), _WORD_BYTES) + 1))  # bytes left to move

    def elaborate(self, platform: object) -> Module:
        m = Module()
        command, unknown = Signal(Command), Signal()
        exchange = command == Command.EXCHANGE
        m.d.comb += [
            command.eq(self._kind[:_COMMAND_BITS]),
            unknown.eq(Mux(exchange, self._kind & ~LAST, self._kind)[_COMMAND_BITS:].any()),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += self._ended.eq(self.i.payload.last)
        m.d.sync += self.reset.eq(0)
        with m.If(self.o_pixel.ready):
            m.d.sync += self.o_pixel.valid.eq(0)
        with m.FSM():
            self._accept(m)
            with m.State("BEGIN"):
                self._put(m, self._kind | RESPONSE)
                m.d.sync += self._count.eq(_ADDRESS_BYTES)
                with m.If(self.o.ready):
                    m.next = "ADDRESS"
                    with m.If(unknown):
                        m.d.sync += self._status.eq(Status.MALFORMED)
                        m.next = "END"
                    with m.Elif(command == Command.HELLO):
                        m.d.sync += self.reset.eq(1)
                        m.d.sync += self._count.eq(len(self.identity))
                        m.next = "IDENTITY"
                    with m.Elif(exchange):
                        m.d.sync += self._count.eq(1)
                        m.next = "ROOM"
            with m.State("IDENTITY"):
                place = (len(self.identity) - self._count)[: (len(self.identity) - 1).bit_length()]
                everything = Const(int.from_bytes(self.identity, "little"), 8 * len(self.identity))
                self._put_several(m, everything.word_select(place, 8))
            self._registers(m, command)
            self._exchange(m)
            with m.State("END"):  # what is left of the request, then the status
                with m.If(self._ended):
                    self._put(m, self._status, last=True)
                    with m.If(self.o.ready):
                        m.next = "SEQUENCE"
                with m.Else():
                    m.d.comb += self.i.ready.eq(1)
        with m.If(self.reset):
            m.d.sync += self.o_pixel.valid.eq(0)
        bus = self.bus
        m.d.comb += [
            bus.awaddr.eq(self._address),
            bus.araddr.eq(self._address),
            bus.wdata.eq(self._word),
            bus.wstrb.eq(-1),
        ]
        return m

    def _put(self, m: Module, byte: Value | int, *, last: bool = False) -> None:
        """Offer a byte of the answer."""
        m.d.comb += [
            self.o.valid.eq(1),
            self.o.payload.data.eq(byte),
            self.o.payload.last.eq(last),
        ]

    def _put_several(self, m: Module, byte: Value) -> None:
        """Offer ``byte`` for each value of the count, then end."""
        self._put(m, byte)
        with m.If(self.o.ready):
            m.d.sync += [self._count.eq(self._count - 1), self._word.eq(self._word >> 8)]
            with m.If(self._count == 1):
                m.next = "END"

    def _accept(self, m: Module) -> None:
        """Take a request's sequence number and kind, and see whether it is new."""
        repeated, number = Signal(), Signal(8)
        with m.State("SEQUENCE"):
            m.d.comb += self.i.ready.eq(1)
            with m.If(self.i.valid):
                m.d.sync += [
                    number.eq(self.i.payload.data),
                    repeated.eq(self._sequence == self.i.payload.data),
                    self._status.eq(0),
                ]
                m.next = "KIND"
        with m.State("KIND"):
            m.d.comb += self.i.ready.eq(1)
            with m.If(self.i.valid):
                m.d.sync += self._kind.eq(self.i.payload.data)
                m.next = "ANSWER"
                # HELLO begins a session: its number may be any.
                with m.If(repeated & (self.i.payload.data != Command.HELLO)):
                    m.next = "AGAIN"
        with m.State("AGAIN"):
            m.d.comb += [self.i.ready.eq(~self._ended), self.o.valid.eq(self._ended)]
            m.d.comb += [self.o.payload.again.eq(1), self.o.payload.last.eq(1)]
            with m.If(self._ended & self.o.ready):
                m.next = "SEQUENCE"
        with m.State("ANSWER"):
            m.d.sync += self._sequence.eq(number)
            self._put(m, number)
            with m.If(self.o.ready):
                m.next = "BEGIN"

    def _registers(self, m: Module, command: Signal) -> None:
        """WRITE and READ."""
        bus, writes = self.bus, command == Command.WRITE
        with m.State("ADDRESS"):
            self._field(m, self._address, then="DATA", unless=self.i.payload.last == writes)
        with m.State("DATA"):
            with m.If(writes):
                taken = self._field(m, self._word, then="BUS")
                m.d.sync += [bus.awvalid.eq(taken), bus.wvalid.eq(taken)]
            with m.Else():
                m.d.sync += bus.arvalid.eq(1)
                m.next = "BUS"
        with m.State("BUS"):
            for valid, ready in (
                (bus.awvalid, bus.awready),
                (bus.wvalid, bus.wready),
                (bus.arvalid, bus.arready),
            ):
                with m.If(ready):
                    m.d.sync += valid.eq(0)
            m.d.comb += [bus.bready.eq(1), bus.rready.eq(1)]
            with m.If(bus.bvalid | bus.rvalid):
                failed = Mux(writes, bus.bresp, bus.rresp) != Response.OKAY
                with m.If(failed):
                    m.d.sync += self._status.eq(Status.BUS)
                m.d.sync += [
                    self._address.eq(self._address + _WORD_BYTES),
                    self._count.eq(_WORD_BYTES),
                ]
                m.next = "DATA"
                with m.If(~writes):
                    m.d.sync += self._word.eq(bus.rdata)
                    m.next = "VALUE"
                with m.Elif(self._ended):
                    m.next = "END"
        with m.State("VALUE"):
            self._put_several(m, self._word[:8])

    def _field(self, m: Module, field: Signal, *, then: str, unless: Value | int = 0) -> Value:
        """Take a field of several bytes; a request that ends within it is malformed."""
        done = Signal()
        malformed = self._status | Status.MALFORMED
        with m.If(self._ended):
            m.d.sync += self._status.eq(malformed)
            m.next = "END"
        with m.Else():
            m.d.comb += self.i.ready.eq(1)
            with m.If(self.i.valid):
                m.d.sync += [
                    field.eq(Cat(field[8:], self.i.payload.data)),
                    self._count.eq(self._count - 1),
                ]
                with m.If(self._count == 1):
                    m.d.comb += done.eq(1)
                    m.d.sync += self._count.eq(_WORD_BYTES)
                    m.next = then
                    with m.If(unless):
                        m.d.sync += self._status.eq(malformed)
                        m.next = "END"
        return done

    def _exchange(self, m: Module) -> None:
        """Pixels to the engine and outputs from it, until nothing moves or the answer is full."""
        consumed, room = Signal(8), Signal(8)
        quiet = Signal(range(QUIET_CYCLES))
        pixel, output = self.o_pixel, self.i_output
        take, give, none = Signal(), Signal(), Signal()
        with m.State("ROOM"):
            self._field(m, room, then="EXCHANGE")
            m.d.sync += none.eq(self.i.payload.data == 0)
            with m.If(self.i.payload.data > MAX_OUTPUTS):
                m.d.sync += room.eq(MAX_OUTPUTS)
        with m.State("EXCHANGE"):
            m.d.comb += [
                self.i.ready.eq(~self._ended & ~pixel.valid),
                take.eq(self.i.valid & self.i.ready),
                self.o.valid.eq(output.valid & ~none),
                self.o.payload.data.eq(output.payload.data),
                output.ready.eq(self.o.ready & ~none),
                give.eq(output.valid & output.ready),
            ]
            with m.If(take):
                m.d.sync += [
                    pixel.valid.eq(1),
                    pixel.payload.data.eq(self.i.payload.data),
                    pixel.payload.last.eq(self.i.payload.last & self._kind[_LAST_BIT]),
                    consumed.eq(consumed + 1),
                ]
            with m.If(give):
                m.d.sync += room.eq(room - 1)
                with m.If(output.payload.last):
                    m.d.sync += self._status.eq(
                        Mux(output.payload.bad, Status.LAST | Status.BAD, Status.LAST)
                    )
                with m.If(output.payload.last | (room == 1)):
                    m.next = "CONSUMED"
            with m.If(take | self.o.valid):
                m.d.sync += quiet.eq(0)
            with m.Else():
                m.d.sync += quiet.eq(quiet + 1)
                with m.If(quiet == QUIET_CYCLES - 1):
                    m.next = "CONSUMED"
        with m.State("CONSUMED"):
            self._put(m, consumed)
            m.d.sync += quiet.eq(0)
            with m.If(self.o.ready):
                m.d.sync += consumed.eq(0)
                m.next = "END"
