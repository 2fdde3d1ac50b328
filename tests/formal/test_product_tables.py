"""ProductTables: never a wrong product, in three steps.

A set that is loaded is right in every word; the active set is never written, whatever is loaded,
so it stays what it was when it was swapped in; and what is read is the sum of the words of the
active set that the value's digits address.
"""

from typing import Any

import pytest
from amaranth.hdl import Const, Module, Mux, Signal

from hw import product_geometry
from hw.blocks.product_filler import ProductFiller
from hw.blocks.product_tables import ProductTables
from tests.formal.contract import Harness, claim, history, keeps_until_ready, past, suppose
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.formal.tables import words_in_order
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal

DIGIT_BITS = 2


@pytest.fixture(autouse=True)
def small_memories(monkeypatch):
    """One product a word and one word a bank, so that few products are many of all."""
    monkeypatch.setattr(product_geometry, "WORD_BITS", 6)
    monkeypatch.setattr(product_geometry, "BANK_MEMORIES", 2)


def make(*, signed=False, width=2, filler=ProductFiller):
    layer = make_layer(kernel_shape=(1, width), input_bits=4, weight_bits=4, input_signed=signed)
    tables = ProductTables(make_config(layer, strategy="split_table"), digit_bits=DIGIT_BITS)
    tables.filler = filler(tables.geometry)
    return tables


def memories(geometry, probe):
    """(write port, read port, digit) of every memory."""
    for lane in range(geometry.channels.lanes):
        for n, words in enumerate(geometry.banks):
            for word in words:
                for d, digit in enumerate(geometry.digits):
                    memory = probe._memory(f"bank_{lane}_{n}.products_{word}_{d}")
                    yield memory._write_ports[0], memory._read_ports[0], digit


def words_of(geometry, probe, tables_set):
    """(digit, address, product, the word) of every word of a set; one lane, one sub-step."""
    for n, words in enumerate(geometry.banks):
        for word in words:
            for d, digit in enumerate(geometry.digits):
                for address in range(1 << digit.bits):
                    place = address + (tables_set << digit.bits)
                    held = probe.word(f"bank_0_{n}.products_{word}_{d}", place)
                    (product,) = geometry.words[word]
                    yield d, digit, address, product, held.as_signed()


class FilledHarness(Harness):
    """A set that is complete and loaded is right; the first one, which goes to set 1."""

    def properties(self, m: Module, probe: Probe) -> None:
        g = self.dut.geometry
        member: Any = vars(self)
        suppose(m, ~member["step_next"] & ~member["swap"])
        loaded, complete = self._loading(m, member["i_weight"])
        for d, digit, address, product, word in words_of(g, probe, 1):
            good = word == digit.value(address) * loaded[product]
            what = f"digit {d} value {address} product {product}"
            claim(m, ~(complete & member["loaded"]) | good, f"{what} is in its place")

    def _loading(self, m, port):
        """Weights in their order; returns those of the set, and whether it is complete."""
        g = self.dut.geometry
        complete, take = Signal(), Signal()
        keeps_until_ready(m, port, assume=True)
        m.d.comb += take.eq(port.valid & port.ready)
        _, at = words_in_order(m, port, g.products, taken=take)
        weights = []
        for n in range(g.products):
            weight = Signal(g.weight_shape, name=f"loaded_{n}")
            with m.If(take & (at == n)):
                m.d.sync += weight.eq(port.payload.weight)
            weights.append(weight)
        with m.If(take):
            m.d.sync += complete.eq(port.payload.last)
        # The bound: a word's products are written, and the next word is taken.
        waited = Signal(range(g.fill_cycles + 1))
        m.d.sync += waited.eq(Mux(port.ready, 0, waited + (waited != g.fill_cycles)))
        claim(m, waited < g.fill_cycles, "a weight waits for one word alone")
        return weights, complete


class ReadHarness(Harness):
    """What is read is what the active set has for the value's digits. ``late``: a fault."""

    def __init__(self, dut, *, late=0):
        self.late = late
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:
        g, lead = self.dut.geometry, self.dut.lead + self.late
        member: Any = vars(self)
        step = self.i.valid
        suppose(m, step == past(m, member["step_next"]))
        suppose(m, ~member["swap"] & ~member["i_weight"].valid)
        steps = Signal(range(lead + 1))
        with m.If(step & (steps != lead)):
            m.d.sync += steps.eq(steps + 1)
        pixel = history(m, step, self.i.payload[0], lead)[-1]
        terms = {product: Const(0) for product in range(g.products)}
        for _, digit, address, product, word in words_of(g, probe, 0):
            chosen = pixel[digit.shift :][: digit.bits] == address
            terms[product] += Mux(chosen, word, 0) << digit.shift
        for product, total in terms.items():
            counts = step & (steps == lead)
            good = self.o.payload[0][product] == total
            claim(m, ~counts | good, f"product {product} is the sum of its digits'")


class FrozenHarness(Harness):
    """For ever: whatever is loaded, the set that is read is not written."""

    def properties(self, m: Module, probe: Probe) -> None:
        member: Any = vars(self)
        active = probe.signal("filler.active")
        suppose(m, ~member["swap"] | member["loaded"])
        suppose(m, ~member["swap"] | ~(member["i_weight"].valid & member["i_weight"].ready))
        other = self.dut.filler.o.payload.write.set
        claim(m, other == ~active, "the sets are two")
        for write, read, digit in memories(self.dut.geometry, probe):
            writes = write._en.any()
            claim(m, ~writes | (write._addr[digit.bits] != active), "the active set is not written")
            meets = writes & (write._addr[digit.bits] == read._addr[digit.bits])
            claim(m, ~meets, "no read meets a write of its set")
            claim(m, ~writes | ~member["loaded"], "nothing is written when all is loaded")


DEPTH = 19
"""Two words of six cycles, one of them begun twice, and the way to the second bank."""


@pytest.mark.parametrize("signed", [False, True])
def test_a_loaded_set_is_right(signed):
    prove(FilledHarness(make(signed=signed)), mode="bmc", depth=DEPTH).holds()


@pytest.mark.parametrize("signed", [False, True])
def test_what_is_read_is_what_the_active_set_has(signed):
    dut = make(signed=signed)
    prove(ReadHarness(dut), mode="bmc", depth=2 * dut.lead).holds()


def test_the_active_set_is_never_written():
    dut = make(width=1)
    prove(FrozenHarness(dut), mode="prove", depth=dut.geometry.hops + 5).holds()


class WritesTheActiveSet(ProductFiller):
    """A filler that takes one set for the other."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.payload.write.set.eq(self.active)
        return m


class StartsAnywhere(ProductFiller):
    """A filler that goes on from the last word's sums."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        count = self.o.payload.write.count
        with m.If(count == 0):
            m.d.comb += self.o.payload.write.products.eq(0)
        return m


class LoadedTooSoon(ProductFiller):
    """A filler that does not wait for the last bank."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.loaded.eq(self.i_weight.ready)
        return m


@pytest.mark.parametrize("fault", [StartsAnywhere, LoadedTooSoon, WritesTheActiveSet])
def test_fault_in_the_filler(fault):
    harness = FilledHarness(make(signed=True, filler=fault))
    prove(harness, mode="bmc", depth=DEPTH).breaks("is in its place")


def test_fault_reads_a_step_late():
    dut = make()
    prove(ReadHarness(dut, late=1), mode="bmc", depth=2 * dut.lead).breaks("the sum of its digits")


def test_fault_the_active_set_is_written():
    dut = make(width=1, filler=WritesTheActiveSet)
    prove(FrozenHarness(dut), mode="bmc", depth=10).breaks("the active set", "the sets are two")
