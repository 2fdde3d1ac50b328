"""Every reuse table from the first cycle on: the products of the key and of the active weights.

Small tables, in which entries are filled anew while beats wait to read what they were. What
:mod:`tests.formal.test_reuse_table` proves for ever of the blocking table of registers.
"""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Signal

from hw.blocks.look_ahead_table import LookAheadTable, make_reuse_table
from sw.part_configs import FoldConfig
from tests.formal.contract import Harness, claim, moves, suppose
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.formal.tables import WaitHarness, announced_beats, words_in_order
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal

DEPTH = 14
"""Cycles."""
SWAP_DEPTH = 18
"""Cycles that a beat, a swap and another beat take in the smallest table that looks ahead."""


def make_table(*, make=make_reuse_table, kernels=1, channels=1, entries=2, fold=None, **table):
    layer = make_layer(kernels=kernels, channels=channels, input_bits=4, weight_bits=4)
    fold = FoldConfig(**(fold or {}))
    return make(make_config(layer, entries=entries, multipliers=1, fold=fold, table=table))


class TableHarness(Harness):
    """``strict``: sets are swapped only when no live beat is inside; False is a fault."""

    def __init__(self, dut, *, strict=True):
        self.strict = strict
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:  # noqa: ARG002
        i, ports = self.i, vars(self)
        announced_beats(m, i, self.o, ports["i_next"])
        for pixel in i.payload.pixel:
            suppose(m, pixel < 4)  # more keys than entries; the rest is multiplication
        weights = self._weights(m, ports["i_weight"], ports["swap"])
        step = moves(i)
        stages: list[Any] = [i.payload]
        for n in range(self.dut.latency):
            stage: Any = Signal(i.payload.shape(), name=f"beat_{n}")
            with m.If(step):
                m.d.sync += stage.eq(stages[-1])
            stages.append(stage)
        if self.strict:
            for stage in stages[1:-1]:
                suppose(m, ~ports["swap"] | ~stage.live)
        self._products(m, step, stages[-2], stages[-1].live, weights)

    def _products(self, m, step, beat, live, weights):
        """Each sub-step shows its products of the beat that moved last; then they stay."""
        g = self.dut.geometry
        sub_step = Signal(range(g.fold.cycles))
        with m.If(step):
            m.d.sync += sub_step.eq(0)
        with m.Elif(sub_step != g.fold.cycles - 1):
            m.d.sync += sub_step.eq(sub_step + 1)
        expected: Any = {}
        for c, p in np.ndindex(g.channels, g.products):
            expected[c, p] = Signal(g.product_shape, name=f"expected_{c}_{p}")
            with m.If(step):
                m.d.sync += expected[c, p].eq(beat.pixel[c] * weights[c][p])
        for n, (row, group, _) in enumerate(g.fold.steps()):
            now = live & (sub_step == n)
            for lane, r in np.ndindex(g.fold.channels.lanes, g.row_products):
                c, p = g.fold.channels.part(group, lane), row * g.row_products + r
                if p < g.products:
                    wanted = 0 if c is None else expected[c, p]
                    good = ~now | (self.o.payload[lane][r] == wanted)
                    claim(m, good, f"product {c} {p} is the value times the weight")

    def _weights(self, m, word, swap):
        """The active set, by channel and product; others are loaded whole."""
        g = self.dut.geometry
        place, here = words_in_order(m, word, g.channels * g.products, taken=word.valid)
        suppose(m, ~word.valid | ~word.payload.first | (place == 0))
        suppose(m, ~(swap & (word.valid | (place != 0))))
        weights = [[Const(0)] * g.products for _ in range(g.channels)]
        for c, p in np.ndindex(g.channels, g.products):
            init = self.dut.miss_unit.weights[c * g.stride + g.place(p)]
            active = Signal(g.weight_shape, init=init, name=f"active_{c}_{p}")
            other = Signal(g.weight_shape, name=f"other_{c}_{p}")
            with m.If(word.valid & (here == c * g.products + p)):
                m.d.sync += other.eq(word.payload.weight)
            with m.If(swap):
                m.d.sync += [active.eq(other), other.eq(active)]
            weights[c][p] = active
        return weights


SMALL: dict[str, dict[str, Any]] = {
    "memory": {"organisation": "memory"},
    "sets": {"organisation": "set_associative", "ways": 1},
    "one ahead": {"look_ahead": 1, "entries": 1},
    "two ahead": {"look_ahead": 2},
    "two channels ahead": {"look_ahead": 1, "entries": 1, "channels": 2},
    "sets, two ahead": {"look_ahead": 2, "organisation": "set_associative", "ways": 1},
    "folded": {"entries": 1, "kernels": 2, "fold": {"kernels": 2}},
    "folded, one ahead": {"look_ahead": 1, "entries": 1, "kernels": 2, "fold": {"kernels": 2}},
}


@pytest.mark.parametrize("size", SMALL)
def test_never_a_wrong_product(size):
    depth = SWAP_DEPTH if size == "one ahead" else DEPTH
    prove(TableHarness(make_table(**SMALL[size])), mode="bmc", depth=depth).holds()


@pytest.mark.parametrize("size", SMALL)
def test_waits_for_misses_alone(size):
    table = make_table(**SMALL[size])
    prove(WaitHarness(table, table.longest_wait), mode="bmc", depth=SWAP_DEPTH).holds()


def test_fault_waits_less():
    table = make_table(**SMALL["two channels ahead"])
    harness = WaitHarness(table, table.longest_wait - 1)
    prove(harness, mode="bmc", depth=SWAP_DEPTH).breaks("the input waits no longer")


def test_fault_a_swap_under_a_live_beat():
    harness = TableHarness(make_table(**SMALL["one ahead"]), strict=False)
    prove(harness, mode="bmc", depth=SWAP_DEPTH).breaks("is the value times the weight")


class OverwritesWhatIsStillNeeded(LookAheadTable):
    """A table that fills an entry while beats in the line still need what it was."""

    def _queue(self, m, step):
        pushed = super()._queue(m, step)
        queue, request = m.submodules.queue, self.miss_unit.i
        m.d.comb += request.valid.eq(queue.r_rdy)
        return pushed


class LetsTheHeadGo(LookAheadTable):
    """A table whose head leaves although its own misses are not filled."""

    def _wait(self, m, step, pushed, *, short, short_next):
        super()._wait(m, step, pushed, short=short, short_next=short_next)
        m.d.comb += [short.eq(0), short_next.eq(0)]


class SurvivesTheSwap(LookAheadTable):
    """A table that a swap does not empty."""

    def _look_up(self, m, step):
        super()._look_up(m, step)
        m.d.comb += self.lookups.flush.eq(self.flush)


@pytest.mark.parametrize("fault", [OverwritesWhatIsStillNeeded, LetsTheHeadGo, SurvivesTheSwap])
def test_fault_in_the_table(fault):
    harness = TableHarness(make_table(make=fault, **SMALL["one ahead"]))
    prove(harness, mode="bmc", depth=SWAP_DEPTH).breaks("is the value times the weight")
