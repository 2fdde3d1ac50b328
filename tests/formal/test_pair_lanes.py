"""PairLanes: never a wrong product, in order, in bounded time, whatever misses and is flushed.

From the first cycle on: long enough for three sub-steps that miss in every lane, and a flush.
"""

import pytest
from amaranth.hdl import Const, Module, Mux, Signal

from hw.blocks.pair_lanes import PairLanes
from hw.fold import FoldGeometry
from sw.part_configs import FoldConfig
from tests.formal.contract import Harness, claim, foretells, suppose
from tests.formal.prove import prove
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal

DEPTH = 14
REPAIR_CYCLES = 2
"""Beside one for each product that is made again: select, multiply."""


def make_lanes(lanes=PairLanes, *, kernels=2, fold=1, entries=2, multipliers=1, protection="none"):
    layer = make_layer(kernels=kernels, input_bits=4, weight_bits=4)
    config = make_config(
        layer,
        strategy="pair_cam",
        entries=entries,
        multipliers=multipliers,
        fold=FoldConfig(kernels=fold),
        protection=protection,
    )
    return lanes(FoldGeometry(config))


class LanesHarness(Harness):
    """``less``: cycles by which the bound on waiting is too tight, where nothing is guarded."""

    def __init__(self, dut, *, less=0):
        self.less = less
        super().__init__(dut)

    def properties(self, m: Module, probe) -> None:  # noqa: ARG002
        lanes, i, o = self.dut, self.i, self.o
        ready = Signal()
        m.d.comb += ready.eq(i.ready)
        foretells(m, vars(self)["i_next"], ready, "readiness")
        real = list(lanes.numbers)
        suppose(m, i.tag.step.as_value() < lanes.geometry.cycles)

        # A sub-step moves through the stages in every cycle in which the lanes are ready.
        live = i.valid
        tag = i.tag.as_value()
        products = {}
        for k, c, t in real:
            right = i.value[c][t] * i.weight[k][c][t]
            groups = lanes.geometry.kernels.groups
            for group in range(groups):
                if lanes.geometry.kernels.part(group, k) is None:
                    right = Mux(i.tag.step.kernel == group, 0, right)
            products[k, c, t] = right
        for stage in range(lanes.latency):
            step = i.ready
            live = self._later(m, step, live, f"live_{stage}")
            tag = self._later(m, step, tag, f"tag_{stage}")
            products = {
                lane: self._later(m, step, value, "product_{}_{}_{}_{}".format(stage, *lane))
                for lane, value in products.items()
            }
        # Once in each step, when nothing of it is to be made again.
        repair, left = lanes.repair, Signal(init=1)
        held = Const(0) if repair is None else repair.held
        m.d.sync += left.eq(Mux(i.ready, 0, left | o.valid))
        claim(m, o.valid == (live & ~left & ~held), "products leave once in their turn")
        for k, c, t in real:
            good = ~o.valid | (o.product[k][c][t] == products[k, c, t])
            claim(m, good, f"product {k} {c} {t} is the value times the weight")
        claim(m, ~o.valid | (o.tag.as_value() == tag), "with its tag")

        longest = -(-len(real) // lanes.multipliers)
        most = longest + lanes.fill_cycles - self.less
        if repair is not None:
            most += longest + REPAIR_CYCLES
        waited = Signal(range(most + 2))
        m.d.sync += waited.eq(waited + 1)
        with m.If(i.ready):
            m.d.sync += waited.eq(0)
        claim(m, waited <= most, "operands wait no longer")

    def _later(self, m, step, value, name):
        register = Signal(value.shape(), name=name)
        with m.If(step):
            m.d.sync += register.eq(value)
        return register


@pytest.mark.parametrize("multipliers", [1, 2])
def test_every_product_is_right_and_in_order(multipliers):
    lanes = make_lanes(multipliers=multipliers)
    prove(LanesHarness(lanes), mode="bmc", depth=DEPTH).holds()


def test_guarded_it_is_the_same():
    lanes = make_lanes(protection="parity")
    prove(LanesHarness(lanes), mode="bmc", depth=DEPTH + 1).holds()


def test_a_lane_without_a_part_gives_nothing():
    lanes = make_lanes(kernels=3, fold=2, entries=1, multipliers=2)
    prove(LanesHarness(lanes), mode="bmc", depth=DEPTH).holds()


class WrongEntry(PairLanes):
    """Lanes whose products go into the first entry, whichever makes room."""

    def _product(self, m, n, move, fills):
        product = super()._product(m, n, move, fills)
        memory = m.submodules["products_{}_{}_{}".format(*self.numbers[n])]
        m.d.comb += memory.write_ports[0].addr.eq(0)
        return product


def test_a_product_in_the_wrong_entry_is_found():
    prove(LanesHarness(make_lanes(WrongEntry)), mode="bmc", depth=DEPTH).breaks(
        "is the value times the weight"
    )


def test_a_bound_that_is_too_tight_is_found():
    prove(LanesHarness(make_lanes(), less=1), mode="bmc", depth=DEPTH).breaks(
        "operands wait no longer"
    )
