"""One bit of what guarded lanes remember flips, any one at any time: never a wrong product.

From the first cycle on, whatever is looked up and flushed, of lanes with an entry or two.
"""

from typing import Any

import pytest
from amaranth.hdl import Cat, Const, Module

from hw.blocks.pair_lanes import PairLanes
from hw.blocks.pair_repair import PairRepair
from tests.formal.contract import suppose
from tests.formal.flips import Blind, Flip
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.formal.test_pair_lanes import LanesHarness, make_lanes

pytestmark = pytest.mark.formal

DEPTH = 19
"""A pair is remembered and damaged, another takes its entry, and that one is met again."""


class FlipHarness(LanesHarness):
    """Lanes with a flip of their state, and few operands: it is not about the multipliers."""

    def __init__(self, dut: PairLanes, names: str) -> None:
        self.names = names
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:
        super().properties(m, probe)
        for k, c, t in self.dut.numbers:
            suppose(m, self.i.value[c][t] < 4)
            suppose(m, (self.i.weight[k][c][t] >= -2) & (self.i.weight[k][c][t] < 2))
        tables = self.dut.tables
        still = ~Cat(table.insert | table.flush for table in tables).any()
        flip = Flip(m, self.names)
        flip.add(probe.fragment, still)
        assert flip.sites >= len(self.names.split())


FLIPS = {
    "products": ({}, "products_0_0_0", DEPTH),
    "products, two lanes": ({"kernels": 2}, "products_0_0_0 products_1_0_0", 16),
    "products, two entries": ({"entries": 2}, "products_0_0_0", DEPTH),
    "keys": ({}, "keys", DEPTH),
    "valid": ({}, "valid absent", DEPTH),
}
"""What flips in which lanes, and in how many cycles it is met and made good."""


def guarded(*, repair=PairRepair, kernels=1, entries=1):
    lanes = make_lanes(kernels=kernels, entries=entries, protection="parity")
    lanes.repair = repair(lanes.geometry)
    return lanes


@pytest.mark.parametrize("flips", FLIPS)
def test_never_a_wrong_product(flips):
    lanes, names, depth = FLIPS[flips]
    prove(FlipHarness(guarded(**lanes), names), mode="bmc", depth=depth).holds()


class TrustsItsProducts(PairRepair):
    """Products are handed on as they are."""

    def __init__(self, geometry):
        super().__init__(geometry)
        self.guard = Blind(geometry.config)


class WritesAnyEntry(PairRepair):
    """What was made again is written also into an entry that is another pair's by now."""

    def elaborate(self, platform):
        nothing: Any = Const(0, len(self.renewed))
        renewed, self.renewed = self.renewed, nothing
        m = super().elaborate(platform)
        self.renewed = renewed
        return m


FAULTS = {
    "products that are not looked at": TrustsItsProducts,
    "an entry of another pair": WritesAnyEntry,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(fault):
    harness = FlipHarness(guarded(repair=FAULTS[fault]), "products_0_0_0")
    prove(harness, mode="bmc", depth=DEPTH).breaks("is the value times the weight")
