"""One bit of what a guarded table remembers flips, any one at any time: never a wrong product.

From the first cycle on, whatever is looked up, of small tables; those entries that a swap of the
weights leaves behind are looked at where the bits that say so flip.
"""

from typing import Any

import pytest
from amaranth.asserts import AnyConst  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Cat, Const, Fragment, Module, Mux, Signal, Value
from amaranth.hdl._mem import MemoryInstance

from hw.blocks.cam import Cam
from hw.blocks.look_ahead_table import make_reuse_table
from hw.blocks.miss_unit import MissUnit
from hw.blocks.product_repair import ProductRepair
from hw.protection import STATE_ATTRIBUTE, Guard
from tests.formal.contract import claim, suppose
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.formal.test_look_ahead_table import TableHarness
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal


class Flip:
    """One bit of the marked state of these names: which, and when, is free and constant."""

    def __init__(self, m: Module, names: str) -> None:
        self.names = names.split()
        self.sites = 0
        widths = {"site": 2, "cycle": 5, "address": 5, "bit": 5}
        free = {name: Signal(bits, name=f"flip_{name}") for name, bits in widths.items()}
        m.d.comb += [signal.eq(AnyConst(len(signal))) for signal in free.values()]
        self.site, self.address, self.bit = free["site"], free["address"], free["bit"]
        now = Signal(5)
        m.d.sync += now.eq(now + (now != 31))
        self.now = Signal(name="flip_now")
        m.d.comb += self.now.eq((now == free["cycle"]) & (now != 31))

    def _here(self) -> Value:
        self.sites += 1
        return self.now & (self.site == self.sites - 1)

    def add(self, fragment: Any, still: Value) -> None:
        """Let the state below ``fragment`` flip; registers only while they are ``still``."""
        for signal in _registers(fragment):
            if signal.name not in self.names:
                continue
            flip = Module()
            with flip.If(self._here() & still):
                flip.d.sync += signal.eq(signal ^ (1 << self.bit)[: len(signal)])
            fragment.add_statements("sync", Fragment.get(flip, None).statements["sync"])
        for child, name, _ in fragment.subfragments:
            if not isinstance(child, MemoryInstance):
                self.add(child, still)
            elif name in self.names:
                self._memory(child)

    def _memory(self, memory: Any) -> None:
        assert STATE_ATTRIBUTE in memory._attrs
        width, bits = len(Const(0, memory._data.shape)), (memory._data.depth - 1).bit_length()
        word = Signal(width, name="flipped")
        address = self.address[:bits]
        memory.read_port(domain="comb", addr=address, data=word, en=Const(1), transparent_for=())
        other: Any = memory._write_ports[0]
        free = ~(other._en.any() & (other._addr == address)) & (self.address < memory._data.depth)
        memory.write_port(
            domain="sync",
            addr=address,
            data=word ^ (1 << self.bit)[:width],
            en=self._here() & free,
        )


def _registers(fragment: Any) -> list[Signal]:
    statements = fragment.statements.get("sync", [])
    signals = statements._lhs_signals() if statements else []
    return [signal for signal in signals if STATE_ATTRIBUTE in signal.attrs]


class FlipHarness(TableHarness):
    """A table with a flip of its state. What it found to be wrong does not count, for a while."""

    def __init__(self, dut, names):
        self.names = names
        super().__init__(dut)

    def _products(self, m, step, beat, live, weights):
        super()._products(m, step, beat, live & ~self.dut.repair.held, weights)

    def properties(self, m: Module, probe: Probe) -> None:
        super().properties(m, probe)
        # What is made again is so with the weights that count now.
        suppose(m, ~vars(self)["swap"] | ~self.dut.repair.held)
        g, held = self.dut.geometry, Signal(5)
        m.d.sync += held.eq(Mux(self.dut.repair.held, held + 1, 0))
        most = g.fill_cycles + g.groups + MissUnit.LATENCY
        claim(m, held <= most, "a repair ends after what is under way")
        tables = self.dut.lookups.tables
        still = ~Cat(table.insert | table.flush | table.forget for table in tables).any()
        flip = Flip(m, self.names)
        flip.add(probe.fragment, still)
        assert flip.sites == len(self.names.split())
        # A set of zeros waits to be swapped in.
        suppose(m, ~vars(self)["i_weight"].valid)
        if "valid" not in self.names:
            suppose(m, ~vars(self)["swap"] & ~vars(self)["flush"])
        else:
            suppose(m, self.i.valid & self.o.ready)


FLIPS: dict[str, tuple[dict[str, Any], str, int]] = {
    "keys": ({}, "keys", 14),
    "valid": ({}, "valid absent", 19),
    "products": ({}, "group_0", 16),
    "tags": ({"organisation": "set_associative", "ways": 1}, "tags_0", 14),
    "match vectors": ({"organisation": "memory"}, "lines_0", 18),
    "keys to clear": ({"organisation": "memory", "entries": 1}, "keys", 22),
    "products, look-ahead": ({"look_ahead": 1, "entries": 1}, "group_0", 17),
}
"""What flips in which table, and in how many cycles it is met and made good."""


class Blind(Guard):
    """Words are as wide as with a parity, but have none."""

    def guarded(self, word):
        return Cat(word, Const(0, 1))

    def damaged(self, word):  # noqa: ARG002
        return Const(0)


def trusts_its_keys(config):
    """A table whose keys have no parity."""
    table = make_reuse_table(config)
    for keys in table.lookups.tables:
        keys.guard = Blind(config)
    return table


class ValidOnce(Cam):
    """A table that keeps once which entries hold a key."""

    def _valid(self, m, victim, *, damaged=0, mended=0):
        guard, self.guard = self.guard, Guard()
        valid = super()._valid(m, victim, damaged=damaged, mended=mended)
        self.guard = guard
        m.d.comb += self.errors.eq(0)
        return valid


def trusts_its_valid_bits(config):
    """A table of such tables."""
    table = make_reuse_table(config)
    tables = table.lookups.tables
    tables[:] = [ValidOnce(keys.shape, config.table, keys.guard) for keys in tables]
    return table


class NeverRepairs(ProductRepair):
    """Rows are handed on as they are."""

    def elaborate(self, platform):
        nothing: Any = Const(0)
        damaged, self.damaged = self.damaged, nothing
        m = super().elaborate(platform)
        self.damaged = damaged
        return m


def trusts_its_products(config):
    """A table that does not look at the parity of its products."""
    table = make_reuse_table(config)
    table.repair = NeverRepairs(table.geometry)
    return table


def make_table(*, make=make_reuse_table, entries=2, **table):
    layer = make_layer(input_bits=4, weight_bits=4)
    return make(
        make_config(layer, entries=entries, multipliers=1, table=table, protection="parity")
    )


@pytest.mark.parametrize("flips", FLIPS)
def test_never_a_wrong_product(flips):
    table, names, depth = FLIPS[flips]
    prove(FlipHarness(make_table(**table), names), mode="bmc", depth=depth).holds()


FAULTS = {
    "keys": trusts_its_keys,
    "products": trusts_its_products,
    "tags": trusts_its_keys,
    "match vectors": trusts_its_keys,
    "keys to clear": trusts_its_keys,
    "products, look-ahead": trusts_its_products,
}


def test_fault_a_valid_bit_kept_once():
    harness = FlipHarness(make_table(make=trusts_its_valid_bits), "valid")
    prove(harness, mode="bmc", depth=FLIPS["valid"][2]).breaks("is the value times the weight")


@pytest.mark.parametrize("flips", FAULTS)
def test_fault_not_looked_at(flips):
    table, names, depth = FLIPS[flips]
    harness = FlipHarness(make_table(make=FAULTS[flips], **table), names)
    prove(harness, mode="bmc", depth=depth).breaks("is the value times the weight")
