"""ControlPort: one answer a request, the right one, and effects with the answer and never else."""

from typing import Any

import pytest
from amaranth.hdl import Cat, Const, Module, Mux, Signal

from hw.blocks.axi import Response
from hw.blocks.control_port import ControlPort
from hw.blocks.counters import PART_BITS, part_count
from sw.part_configs import OutputConfig
from sw.registers import COUNTERS, register_map
from tests.formal.contract import Harness, claim, past, suppose
from tests.formal.prove import prove
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal

CONTROL, STATUS = 0x008, 0x00C
COUNTED = ("frames", "misses")


def make_port(block=ControlPort):
    layer = make_layer(kernels=2, channels=3, kernel_shape=(1, 3))
    output = OutputConfig(kind="requantise", scale_bits=4)
    return block(make_config(layer, bias_bits=6, output=output, counter_bits=33), COUNTED)


def words_of(config):
    """{byte address: (window, index)} of every word that exists, by plain loops."""
    return {
        window.offset + 4 * index: (window.name.lower(), index)
        for window in register_map(config).windows
        for row in range(window.rows)
        for column in range(window.columns)
        for index in [row * window.stride + column]
    }


class PortHarness(Harness):
    """``strobes``: False, the fault: a specification that does not ask for whole words."""

    def __init__(self, dut, *, strobes=True):
        self.strobes = strobes
        super().__init__(dut)

    def properties(self, m: Module, probe) -> None:  # noqa: ARG002
        bus: Any = vars(self)["bus"]
        self._stable(m, bus.bvalid, bus.bready, bus.bresp, "write response")
        self._stable(m, bus.rvalid, bus.rready, Cat(bus.rresp, bus.rdata), "read response")
        self._writes(m, bus)
        self._reads(m, bus)

    def _stable(self, m, valid, ready, payload, what):
        waiting = past(m, valid & ~ready)
        claim(m, ~waiting | (valid & (payload == past(m, payload))), f"{what} stays until ready")

    def _latest(self, m, valid, ready, payload, answered):
        """What came last, and how many came without an answer; at most one waits, one is done."""
        latest, open_ = Signal.like(payload), Signal(2)
        with m.If(valid & ready):
            m.d.sync += latest.eq(payload)
        m.d.sync += open_.eq(open_ + (valid & ready) - answered)
        return latest, open_

    def _writes(self, m, bus):
        port: Any = vars(self)
        answered = bus.bvalid & bus.bready
        address, open_address = self._latest(m, bus.awvalid, bus.awready, bus.awaddr, answered)
        word, open_word = self._latest(
            m, bus.wvalid, bus.wready, Cat(bus.wdata, bus.wstrb), answered
        )
        claim(m, ~bus.bvalid | ((open_address != 0) & (open_word != 0)), "no answer unasked")
        claim(m, (open_address <= 2) & (open_word <= 2), "no write is lost")
        new = bus.bvalid & past(m, ~bus.bvalid, init=1)
        whole = word[32:].all() if self.strobes else Const(1)
        data = word[:32]
        words = words_of(self.dut.config)
        control, window = Signal(), Signal()
        m.d.comb += [
            control.eq(address == CONTROL),
            window.eq(address.matches(*words) & port["idle"] & ~port["run"]),
        ]
        okay = past(m, whole & (control | window))
        response = Mux(okay, Response.OKAY, Response.SLVERR)
        claim(m, ~new | (bus.bresp == response), "a write is answered as it deserves")

        write = port["o_write"]
        first = new & past(m, whole & window)
        left = past(m, write.valid & ~write.ready)
        claim(m, write.valid == (first | left), "windows are written once")
        claim(m, ~(first & left), "a write waits for the one before")
        self._stable(m, write.valid, write.ready, write.payload.as_value(), "window write")
        claim(m, ~first | (write.payload.data == past(m, data)), "the word is handed on")
        index = Signal(16)
        chosen: Any = Signal(write.payload.window.shape())
        with m.Switch(address):
            for where, (name, n) in words.items():
                with m.Case(where):
                    m.d.comb += [index.eq(n), chosen[name].eq(1)]
        right = (write.payload.index == past(m, index)) & (
            write.payload.window.as_value() == past(m, chosen)
        )
        claim(m, ~first | right, "the word has its window and index")

        commands = new & past(m, whole & control)
        claim(m, port["clear_counters"] == (commands & past(m, data[1])), "clear is a pulse")
        claim(m, port["flush_table"] == (commands & past(m, data[2])), "flush is a pulse")
        run = past(m, port["run"])
        claim(m, port["run"] == Mux(commands, past(m, data[0]), run), "run is what was written")

    def _reads(self, m, bus):
        port: Any = vars(self)
        answered = bus.rvalid & bus.rready
        address, open_ = self._latest(m, bus.arvalid, bus.arready, bus.araddr, answered)
        claim(m, ~bus.rvalid | (open_ != 0), "no read answered unasked")
        claim(m, open_ <= 2, "no read is lost")
        new = bus.rvalid & past(m, ~bus.rvalid, init=1)
        exists, known, value = Signal(), Signal(), Signal(32)
        counter, low, high = Signal(range(len(COUNTERS))), Signal(), Signal()
        with m.Switch(address):
            for register in self.dut.table.registers:
                with m.Case(register.offset):
                    m.d.comb += exists.eq(1)
                    name, _, half = register.name.lower().rpartition("_")
                    if register.value is not None:
                        m.d.comb += [known.eq(1), value.eq(register.value)]
                    elif name in COUNTED:
                        m.d.comb += [
                            counter.eq(COUNTERS.index(name)),
                            (low, high)[half == "hi"].eq(1),
                        ]
                    elif half in ("lo", "hi"):
                        m.d.comb += known.eq(1)
            with m.Case(CONTROL):
                m.d.comb += [known.eq(1), value.eq(port["run"])]
        response = Mux(past(m, exists), Response.OKAY, Response.SLVERR)
        claim(m, ~new | (bus.rresp == response), "a read is answered as it deserves")
        good = past(m, ~exists) | (past(m, ~known)) | (bus.rdata == past(m, value))
        claim(m, ~new | good, "a register reads what it holds")
        zero = past(m, exists) | (bus.rdata == 0)
        claim(m, ~new | zero, "what does not exist reads zero")
        status = Cat(port["idle"] & ~port["run"], port["in_frame"])
        is_status = past(m, address == STATUS)
        claim(m, ~(new & is_status) | (bus.rdata[:2] == past(m, status)), "status is of this cycle")
        held = open_ == 1 + bus.rvalid
        self._counts(m, held & past(m, held), counter, new & past(m, low), new & past(m, high))

    def _counts(self, m, asked, counter, low, high):
        """A low word is of a count that passed by whole since it was asked for; so is its rest."""
        bus: Any = vars(self)["bus"]
        count: Any = vars(self)["i_count"]
        part, bits = count.payload.part, count.payload.bits
        parts = part_count(self.dut.config)
        follows = past(m, count.valid) & (past(m, count.payload.counter) == count.payload.counter)
        suppose(m, ~count.valid | (part == 0) | (follows & (past(m, part) + 1 == part)))
        # What the port may take: from part 0, once it has decoded the address and no answer waits.
        whole, begun, done = Signal(PART_BITS * parts), Signal(), Signal()
        mine = asked & ~bus.rvalid & count.valid & (count.payload.counter == counter)
        with m.If(mine):
            m.d.sync += whole.word_select(part, PART_BITS).eq(bits)
        m.d.sync += [
            begun.eq(mine & (begun | (part == 0))),
            done.eq(mine & (begun | (part == 0)) & (part == parts - 1)),
        ]
        kept = Signal(self.dut.config.counter_bits - 32)
        claim(m, ~low | done, "a count has passed by whole")
        claim(m, ~done | low, "a count that passed by is the answer")
        claim(m, ~low | (bus.rdata == whole[:32]), "a low word is that of the count")
        with m.If(low):
            m.d.sync += kept.eq(whole[32:])
        claim(m, ~high | (bus.rdata == kept), "a high word is that of the last low word")


def test_answers_every_request_as_the_table_says():
    prove(PortHarness(make_port()), mode="bmc", depth=9).holds()


def test_fault_a_part_of_a_word_is_enough():
    verdict = prove(PortHarness(make_port(), strobes=False), mode="bmc", depth=9)
    verdict.breaks("a write is answered as it deserves")


class DropsTheResponse(ControlPort):
    """A port whose write response does not wait."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.bus.bvalid):
            m.d.sync += self.bus.bvalid.eq(0)
        return m


class WithdrawsTheWrite(ControlPort):
    """A port whose window write does not wait."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.o_write.valid):
            m.d.sync += self.o_write.valid.eq(0)
        return m


class WritesWhileRunning(ControlPort):
    """A port whose windows are always open."""

    def _write_window(self, m, write, in_window, address, word):
        super()._write_window(m, self.bus.awready.any() | write, in_window, address, word)


class KeepsNothing(ControlPort):
    """A port whose high words are of the count that passes by."""

    def _changing(self, stopped, high):
        return super()._changing(stopped, self.i_count.payload.bits[: len(high)])


class TakesTheMiddle(ControlPort):
    """A port that takes a count whose first part it has missed."""

    def _passes(self, m, asked, near, waits):
        super()._passes(m, asked, near, waits)
        count = self.i_count.payload
        here = asked & self.i_count.valid & (count.counter == near[1:5])
        with m.If(here & (count.part == part_count(self.config) - 1)):
            m.d.comb += waits.eq(0)
        return here


class TakesAnother(ControlPort):
    """A port that takes any count for the one that is asked for."""

    def _passes(self, m, asked, near, waits):
        del near
        return super()._passes(m, asked, self.i_count.payload.counter << 1, waits)


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (DropsTheResponse, "write response stays until ready"),
        (WithdrawsTheWrite, "window write stays until ready"),
        (WritesWhileRunning, "windows are written once"),
        (KeepsNothing, "a high word is that of the last low word"),
        (TakesTheMiddle, "a count has passed by whole"),
        (TakesAnother, "a count has passed by whole"),
    ],
)
def test_fault_in_the_port(fault, broken):
    prove(PortHarness(make_port(fault)), mode="bmc", depth=9).breaks(broken)
