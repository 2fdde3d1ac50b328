"""Every organisation of a lookup table: a hit is where its key was put, a miss is nowhere.

From the first cycle on, whatever is looked up, put in, flushed and reset.
"""

import pytest
from amaranth.hdl import Const, Module, Signal, unsigned

from hw.blocks.cam import Cam
from hw.blocks.cam_memory import MemoryCam
from hw.blocks.cam_sets import SetCam
from hw.blocks.organisations import KEY_TABLES, make_key_table
from sw.part_configs import TableConfig
from tests.formal.contract import Harness, claim, foretells, same_steps, suppose
from tests.formal.prove import prove

pytestmark = pytest.mark.formal

KEY_BITS = 4
DEPTHS = {"registers": 14, "memory": 22, "set_associative": 14}
"""Cycles: enough to put three keys in, flush, and look them up."""


class TableHarness(Harness):
    """The keys that were put into the entries, in shadows of the table, and what must be shown.

    ``patient``: no beat moves while a key is on its way to its place; False is a fault.
    """

    def __init__(self, table, *, patient=True):
        self.patient = patient
        self.resets = True
        self.entries = table.entries
        super().__init__(table)

    def properties(self, m: Module, probe) -> None:  # noqa: ARG002
        table, ports = self.dut, vars(self)
        i, o, insert = self.i, self.o, ports["insert"]
        same_steps(m, i, o)
        step = Signal()
        m.d.comb += step.eq(i.valid & o.ready)
        foretells(m, ports["hit_next"], o.payload.hit, "the hit")

        # The keys in the stages, from the one that came last to the one that is shown.
        stages = [Signal(KEY_BITS, name=f"stage_{n}") for n in range(table.latency)]
        filled = Signal(range(table.latency + 1))
        for stage, before in zip(stages, [i.payload, *stages], strict=False):
            with m.If(step):
                m.d.sync += stage.eq(before)
        with m.If(step & (filled != table.latency)):
            m.d.sync += filled.eq(filled + 1)
        shown, behind = stages[-1], stages[-2]
        claim(m, (filled != table.latency) | (o.payload.key == shown), "the key shown is its own")

        # A key is put in only where it was missed, once, and nothing moves until it is there.
        waiting = Signal(range(table.insert_cycles + 1))
        with m.If(insert):
            m.d.sync += waiting.eq(table.insert_cycles - 1)
        with m.Elif(waiting != 0):
            m.d.sync += waiting.eq(waiting - 1)
        suppose(m, ~insert | ((filled == table.latency) & ~o.payload.hit & ~step))
        suppose(m, ~insert | (waiting == 0))
        if self.patient:
            suppose(m, (waiting == 0) | ~step)
        suppose(m, ~ports["used"] | (step & o.payload.hit))
        self._entries(m, step, waiting, behind, shown)

    def _entries(self, m, step, waiting, behind, shown):
        """What every entry holds, and what the key that is shown must find."""
        ports, o = vars(self), self.o
        insert, flush, victim = ports["insert"], ports["flush"], ports["victim"]
        found, hit, index = Signal(), Signal(), Signal(range(self.entries))
        known = Signal(range(self.entries))
        for n in range(self.entries):
            valid, key = Signal(name=f"valid_{n}"), Signal(KEY_BITS, name=f"key_{n}")
            with m.If(insert & (victim == n)):
                m.d.sync += [valid.eq(1), key.eq(shown)]
            with m.If(flush):
                m.d.sync += valid.eq(0)
            with m.If(valid & (key == behind)):
                m.d.comb += [found.eq(1), known.eq(n)]
        claim(m, victim < self.entries, "the victim is an entry")
        with m.If(step):
            m.d.sync += [hit.eq(found), index.eq(known)]
        with m.If(insert):
            m.d.sync += [hit.eq(1), index.eq(victim)]
        right = o.payload.hit == (hit & (waiting == 0))
        claim(m, right, "a key hits where it was put and not flushed")
        claim(m, ~hit | (o.payload.index == index), "a key is found where it was put")


def make_table(organisation, table=None, *, entries=4, replacement="fifo"):
    config = TableConfig(
        organisation=organisation, entries=entries, ways=2, replacement=replacement
    )
    make = make_key_table if table is None else table
    return make(unsigned(KEY_BITS), config)


@pytest.mark.parametrize("replacement", ["fifo", "plru"])
@pytest.mark.parametrize("organisation", KEY_TABLES)
def test_a_key_is_found_where_it_was_put(organisation, replacement):
    table = make_table(organisation, replacement=replacement)
    prove(TableHarness(table), mode="bmc", depth=DEPTHS[organisation]).holds()


class IsNotFlushed(Cam):
    """A table that a flush does not empty."""

    def elaborate(self, platform):
        flush, self.flush = self.flush, Const(0)
        m = super().elaborate(platform)
        self.flush = flush
        return m


class LeavesTheOldBit(MemoryCam):
    """A table that does not clear the bits of the key that makes room."""

    def _words(self, m, step, moving, **more):
        words = super()._words(m, step, moving, **more)
        m.d.comb += m.submodules.lines_0.write_ports[0].en.eq(moving[3])
        return words


class DoesNotReadAgain(SetCam):
    """A table that shows the key behind the tags as they were."""

    def _tags(self, m, read, asked, **more):
        super()._tags(m, read, asked, **more)
        for way in range(self.table.ways):
            port = m.submodules[f"tags_{way}"].read_ports[0]
            m.d.comb += port.en.eq(self.i.valid & self.o.ready)


@pytest.mark.parametrize(
    ("organisation", "fault"),
    [
        ("registers", IsNotFlushed),
        ("memory", LeavesTheOldBit),
        ("set_associative", DoesNotReadAgain),
    ],
)
def test_fault_in_the_table(organisation, fault):
    table = make_table(organisation, fault)
    verdict = prove(TableHarness(table), mode="bmc", depth=DEPTHS[organisation])
    verdict.breaks("a key hits where it was put", "a key is found where it was put")


@pytest.mark.parametrize("organisation", ["memory", "set_associative"])
def test_fault_a_beat_that_does_not_wait(organisation):
    harness = TableHarness(make_table(organisation), patient=False)
    prove(harness, mode="bmc", depth=DEPTHS[organisation]).breaks("where it was put", "the hit")
