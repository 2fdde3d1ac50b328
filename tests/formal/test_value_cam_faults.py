"""One bit of what a guarded table remembers flips, any one at any time: never a wrong product.

From the first cycle on, whatever is looked up, of small tables; those entries that a swap of the
weights leaves behind are looked at where the bits that say so flip.
"""

from typing import Any

import pytest
from amaranth.hdl import Cat, Const, Module, Mux, Signal

from hw.blocks.cam import Cam
from hw.blocks.look_ahead_table import make_reuse_table
from hw.blocks.miss_unit import MissUnit
from hw.blocks.product_repair import ProductRepair
from hw.protection import Guard
from tests.formal.contract import claim, suppose
from tests.formal.flips import Blind, Flip
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.formal.test_look_ahead_table import TableHarness
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal


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
    "valid": ({}, "valid absent", 21),
    "products": ({}, "group_0", 16),
    "tags": ({"organisation": "set_associative", "ways": 1}, "tags_0", 14),
    "match vectors": ({"organisation": "memory"}, "lines_0", 18),
    "keys to clear": ({"organisation": "memory", "entries": 1}, "keys", 22),
    "products, look-ahead": ({"look_ahead": 1, "entries": 1}, "group_0", 17),
}
"""What flips in which table, and in how many cycles it is met and made good."""


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
