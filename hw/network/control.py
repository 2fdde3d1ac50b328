"""The AXI4-Lite port of a network: run, status, counters, and weights for its layers."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.axi import AxiLite, AxiLiteSignature, Response
from hw.blocks.control_port import hold, respond, select
from hw.network.counter_bank import COUNT_BITS
from sw.network.graph import Network
from sw.network.registers import (
    INDEX_BITS,
    LAYER_COUNTERS,
    LAYERS_OFFSET,
    computing,
    counter_names,
    network_registers,
)
from sw.register_model import ADDRESS_BITS, DATA_BITS, WORD_BYTES

__all__ = ["NetworkControl", "load_layout"]

_BYTE_BITS = (WORD_BYTES - 1).bit_length()


def load_layout() -> data.StructLayout:
    """A word for a layer: its place there, the layer's number, the word."""
    return data.StructLayout(
        {"index": INDEX_BITS, "layer": DATA_BITS - INDEX_BITS, "data": DATA_BITS}
    )


class NetworkControl(wiring.Component):
    """The registers of :func:`sw.network.registers.network_registers` on AXI4-Lite.

    One write and one read at a time. No ``ready`` depends on a ``valid`` of the same cycle. What
    has no effect is answered SLVERR, as an engine does: a write without all strobes, one to no
    register or to one that can only be read, and to LOAD while the network is not idle. A counter
    that is read is waited for until it passes by.

    Parameters
    ----------
    network : Network

    Members
    -------
    bus : ``In(AxiLiteSignature())``
    run, clear : ``Out(1)``
    idle, in_frame, refused : ``In(1)``
    i_count : as :class:`~hw.network.counter_bank.CounterBank`'s ``o``
    o_load : ``Out(stream.Signature(load_layout()))``
    """

    bus: AxiLite
    run: Signal
    clear: Signal
    idle: Signal
    in_frame: Signal
    refused: Signal
    i_count: stream.Interface
    o_load: stream.Interface

    def __init__(self, network: Network) -> None:
        self.table = network_registers(network)
        self.counters = counter_names(network)
        self.layers = len(computing(network))
        count = data.StructLayout({"counter": range(len(self.counters)), "count": COUNT_BITS})
        super().__init__(
            {
                "bus": In(AxiLiteSignature(address_bits=ADDRESS_BITS, data_bits=DATA_BITS)),
                "run": Out(1),
                "clear": Out(1),
                "idle": In(1),
                "in_frame": In(1),
                "refused": In(1),
                "i_count": In(stream.Signature(count, always_ready=True)),
                "o_load": Out(stream.Signature(load_layout())),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        place = Signal(DATA_BITS, name="load_address")
        stopped = Signal()
        m.d.comb += stopped.eq(self.idle & ~self.run)
        self._write(m, place, stopped)
        self._read(m, place, stopped)
        return m

    def _write(self, m: Module, place: Signal, stopped: Signal) -> None:
        """Stage 0: hold what comes. Stage 1: where it goes. Stage 2: act, and respond."""
        bus, table, load = self.bus, self.table, self.table.window("LOAD")
        act, known, allowed = Signal(), Signal(), Signal()
        address, named = hold(m, bus.awvalid, bus.awready, bus.awaddr, used=act)
        word, have_word = hold(m, bus.wvalid, bus.wready, Cat(bus.wdata, bus.wstrb), used=act)
        to_control, to_place, to_load = Signal(), Signal(), Signal()
        region = (load.region_bytes - 1).bit_length()
        m.d.sync += [
            known.eq(named & have_word & ~act),
            to_control.eq(address == table.offset("CONTROL")),
            to_place.eq(address == table.offset("LOAD_ADDRESS")),
            to_load.eq((address[region:] == load.offset >> region) & ~address[:_BYTE_BITS].any()),
            self.clear.eq(0),
        ]
        whole = word[DATA_BITS:].all()
        m.d.comb += [
            act.eq(known & ~bus.bvalid & ~self.o_load.valid),
            allowed.eq(whole & (to_control | to_place | (to_load & stopped))),
        ]
        with m.If(self.o_load.ready):
            m.d.sync += self.o_load.valid.eq(0)
        with m.If(self.o_load.valid & self.o_load.ready):
            m.d.sync += place.eq(place + 1)
        with m.If(act & allowed):
            with m.If(to_control):
                fields = {field.name: field.lsb for field in table.register("CONTROL").fields}
                m.d.sync += [
                    self.run.eq(word[fields["run"]]),
                    self.clear.eq(word[fields["clear_counters"]]),
                ]
            with m.If(to_place):
                m.d.sync += place.eq(word[:DATA_BITS])
            with m.If(to_load):
                m.d.sync += self.o_load.valid.eq(1)
        payload = self.o_load.payload
        with m.If(act):
            m.d.sync += [
                payload.data.eq(word[:DATA_BITS]),
                bus.bresp.eq(Mux(allowed, Response.OKAY, Response.SLVERR)),
            ]
        m.d.comb += [payload.index.eq(place), payload.layer.eq(place[INDEX_BITS:])]
        respond(m, act, bus.bvalid, bus.bready)

    def _read(self, m: Module, place: Signal, stopped: Signal) -> None:
        """Stage 1: which register. Stage 2: its word, a count's as it passes by."""
        bus, table = self.bus, self.table
        act, known, exists, counts = Signal(), Signal(), Signal(), Signal()
        address, named = hold(m, bus.arvalid, bus.arready, bus.araddr, used=act)
        number = Signal(range(len(self.counters)))
        word = Signal(DATA_BITS)
        offsets = {name: table.offset(name) for name in self.counters}
        changing = {
            table.offset("CONTROL"): Value.cast(self.run),
            table.offset("STATUS"): Cat(stopped, self.in_frame, self.refused),
            table.offset("LOAD_ADDRESS"): place,
        }
        built = {r.offset: Value.cast(r.value) for r in table.registers if r.value is not None}
        shown = {offset >> _BYTE_BITS: value for offset, value in (built | changing).items()}
        near = Signal(max(shown).bit_length())
        m.d.comb += near.eq(address[_BYTE_BITS:])
        words = address.matches(*(register.offset for register in table.registers))
        of_network = len(self.counters) - len(LAYER_COUNTERS) * self.layers
        first = offsets[self.counters[0]] >> _BYTE_BITS
        m.d.sync += [
            known.eq(named & ~act),
            exists.eq(words),
            counts.eq(address.matches(*offsets.values())),
            number.eq(
                Mux(
                    address >= LAYERS_OFFSET,
                    (address - LAYERS_OFFSET >> _BYTE_BITS) + of_network,
                    near - first,
                )
            ),
            word.eq(select(shown, near)),
        ]
        passes = self.i_count.valid & (self.i_count.payload.counter == number)
        m.d.comb += act.eq(known & ~bus.rvalid & (passes | ~counts))
        with m.If(act):
            m.d.sync += [
                bus.rdata.eq(Mux(counts, self.i_count.payload["count"], Mux(exists, word, 0))),
                bus.rresp.eq(Mux(exists, Response.OKAY, Response.SLVERR)),
            ]
        respond(m, act, bus.rvalid, bus.rready)
