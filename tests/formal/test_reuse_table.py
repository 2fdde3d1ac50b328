"""ReuseTable: never a wrong product, by induction, whatever is loaded, swapped and flushed.

There are two sets of weights: the one that counts, and the one that is loaded. The invariants say
what each register of the table means in terms of the first; the chief one: an entry that is valid
holds its key times every weight of its channel. So no product of a set outlives its swap.
"""

from typing import Any

import pytest
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data

from hw.blocks.miss_unit import MissUnit
from hw.blocks.product_memory import ProductMemory
from hw.blocks.reuse_table import ReuseTable
from tests.formal.contract import Harness, claim, moves, suppose
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.formal.tables import WaitHarness, announced_beats, words_in_order
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal

MISS_STAGES = 3
"""Of the miss unit, before its products are written: read, hold, multiply."""


def make_table(*, channels=1, entries=2, width=3, multipliers=2, table=ReuseTable, block=False):
    """``block``: its memories are as those of a table with many more entries."""
    layer = make_layer(channels=channels, kernel_shape=(1, width), input_bits=4, weight_bits=4)
    made = table(make_config(layer, entries=entries, multipliers=multipliers))
    if block:
        made.memories = [BlockMemory(made.geometry, memory.rows) for memory in made.memories]
    return made


class BlockMemory(ProductMemory):
    """A memory that is taken for a deep one."""

    is_block = True


class TableHarness(Harness):
    """``strict``: sets are swapped only as the table allows; False is a fault."""

    def __init__(self, dut, *, strict=True, invariants=True):
        self.strict = strict
        self.invariants = invariants
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:
        i, o, g = self.i, self.o, self.dut.geometry
        write, swap = vars(self)["i_weight"], vars(self)["swap"]
        announced_beats(m, i, o, vars(self)["i_next"])
        self._two_sets(m, write, swap)

        # The beats in the stages: compared, encoded, looked up; and those whose rows were read.
        step = moves(i)
        beat = i.payload.shape()
        compared: Any = Signal(beat)
        encoded: Any = Signal(beat)
        looked_up: Any = Signal(beat)
        live = Signal(self.dut.lead)
        self.swapped = Signal()
        m.d.sync += self.swapped.eq(swap)
        with m.If(step):
            m.d.sync += [
                compared.eq(i.payload),
                encoded.eq(compared),
                looked_up.eq(encoded),
                live.eq(Cat(looked_up.live, live)),
            ]
        if self.strict:
            suppose(m, ~swap | ~(compared.live | encoded.live | looked_up.live))
        for c in range(g.channels):
            for p in range(g.products):
                expected: Any = self.product(looked_up.pixel[c], c, p)
                for n in range(self.dut.lead):
                    before = expected
                    expected = Signal(g.product_shape, name=f"expected_{c}_{p}_{n}")
                    with m.If(step):
                        m.d.sync += expected.eq(before)
                    if self.invariants and n < self.dut.lead - 1:
                        right = self._read(probe, c, p) == expected
                        claim(m, ~live[n] | right, f"product {c} {p} is read")
                good = ~live[-1] | (o.payload[c][p] == expected)
                claim(m, good, f"product {c} {p} is the value times the weight")
        if self.invariants:
            self._invariants(m, probe, compared, encoded, looked_up)

    def _read(self, probe, c, p):
        """Product ``p`` of channel ``c`` in the row that was read."""
        group, lane = divmod(p, self.dut.geometry.lanes)
        words = probe.read_data(f"products_{c}.group_{group}")
        return words.word_select(lane, self.dut.geometry.product_shape.width).as_signed()

    def _two_sets(self, m, write, swap):
        """The set that counts and the one that is loaded, word by word in the order of a set."""
        g = self.dut.geometry
        places = [c * g.stride + p for c in range(g.channels) for p in range(g.products)]
        self.next_word, word = words_in_order(m, write, len(places), taken=write.valid)
        self.places = places
        self.weights, self.others = {}, {}
        for n, place in enumerate(places):
            init = self.dut.miss_unit.weights[place]
            weight = Signal(g.weight_shape, init=init, name=f"weight_{place}")
            other = Signal(g.weight_shape, name=f"other_{place}")
            loaded = Signal(g.weight_shape, name=f"loaded_{place}")
            here = write.valid & (word == n)
            m.d.comb += loaded.eq(Mux(here, write.payload.weight, other))
            m.d.sync += other.eq(Mux(swap, weight, loaded))
            with m.If(swap):
                m.d.sync += weight.eq(loaded)
            self.weights[place], self.others[place] = weight, other
        suppose(m, ~(swap & write.valid))

    def product(self, value, c, p):
        return value * self.weights[c * self.dut.geometry.stride + p]

    def _invariants(self, m, probe, compared, encoded, looked_up):
        g = self.dut.geometry
        missing, first = probe.signal("lookups.missing"), probe.signal("lookups.first")
        known = probe.signal("lookups.live") == looked_up.live
        claim(m, known, "the table knows whether a beat is live")
        for n, beat in enumerate((compared, encoded), 1):
            marked = probe.signal(f"lookups.live_{n}") == beat.live
            claim(m, marked, f"and of the {n} that came last")
        clear = ~(encoded.live | looked_up.live)
        claim(m, ~self.swapped | clear, "only beats that came with a swap or later are live")
        self._weight_memory(m, probe)
        channel, key = Signal(range(g.channels)), Signal(g.key_shape)
        for c in reversed(range(g.channels)):
            with m.If(missing[c]):
                m.d.comb += [channel.eq(c), key.eq(looked_up.pixel[c])]

        # Cycles of the miss that is filled: the miss unit's registers follow from them.
        busy, phase = missing.any(), Signal(range(g.fill_cycles))
        with m.If(busy):
            m.d.sync += phase.eq(Mux(phase == g.fill_cycles - 1, 0, phase + 1))
        claim(m, phase < g.fill_cycles, "phase is in range")
        claim(m, busy & ~first | (phase == 0), "phase rests at 0, and begins there")
        self._miss_unit(m, probe, busy=busy, phase=phase, channel=channel, key=key)
        for c in range(g.channels):
            hit = self._found(probe, c).hit
            claim(m, ~missing[c] | looked_up.live, f"only live beats miss {c}")
            missed = looked_up.live & ~hit
            claim(m, ~first | (missing[c] == missed), f"misses {c} are known")
            claim(m, first | ~missed, f"misses {c} are remembered at once")
            written = busy & (channel == c), phase
            self._keys(m, probe, c, [beat.pixel[c] for beat in (compared, encoded, looked_up)])
            unfilled = missing[c] & ~first
            self._products(m, probe, c, looked_up=looked_up, unfilled=unfilled, written=written)

    def _found(self, probe, c, name="o__payload") -> Any:
        """What the CAM of channel ``c`` shows; or ``"behind"``, what it will show."""
        shape = self.dut.lookups.tables[c].o.payload.shape()
        return data.View(shape, probe.signal(f"lookups.table_{c}.{name}"))

    def _weight_memory(self, m, probe):
        """Two halves, one for each set; which is which is a register."""
        g = self.dut.geometry
        bits = g.weight_shape.width
        half = 1 << (-(-g.channels * g.stride // g.lanes) - 1).bit_length()
        active = probe.signal("miss_unit.active")
        following = probe.signal("miss_unit.following")
        places = Array(Const(place, len(following)) for place in self.places)
        claim(m, self.next_word < len(self.places), "a set has so many words")
        under_way = self.next_word != 0
        claim(m, ~under_way | (following == places[self.next_word]), "the next word's place")
        for n in self.places:
            held = [
                probe.word("miss_unit.weights", base + n // g.lanes)
                .word_select(n % g.lanes, bits)
                .as_signed()
                for base in (0, half)
            ]
            claim(m, Mux(active, held[1], held[0]) == self.weights[n], f"weight {n} counts")
            claim(m, Mux(active, held[0], held[1]) == self.others[n], f"weight {n} is loaded")

    def _miss_unit(self, m, probe, *, busy, phase, channel, key):
        """Each stage of the miss unit holds what the phase says."""
        g, unit = self.dut.geometry, self.dut.miss_unit
        layout = unit._stage(Module(), 0, Const(0)).shape()
        stages: Any = [data.View(layout, probe.signal(f"miss_unit.stage_{n}")) for n in (1, 2)]
        asking = busy & (phase < g.groups)
        group = probe.signal("miss_unit.group")
        claim(m, group == Mux(asking, phase, 0), "groups are asked for in turn")
        asked = probe.signal("asked", otherwise="asked")
        claim(m, asked == (busy & (phase >= g.groups)), "a miss is asked for once")
        for n, stage in enumerate([*stages, unit.o.payload], 1):
            valid = unit.o.valid if n == MISS_STAGES else stage.valid
            here = busy & (phase >= n) & (phase < g.groups + n)
            claim(m, valid == here, f"miss stage {n} is full when it should be")
            same = (stage.channel == channel) & (stage.group == Value.cast(phase - n)[: len(phase)])
            claim(m, ~here | same, f"miss stage {n} knows its group")
            claim(m, ~here | (stage.last == (phase == g.groups - 1 + n)), f"and the last {n}")
            if n < MISS_STAGES:
                claim(m, ~here | (stage.key == key), f"miss stage {n} holds the key")
        words = probe.read_data("miss_unit.weights")
        for c in range(g.channels):
            here = busy & (channel == c)
            for p in range(g.products):
                group, lane = divmod(p, g.lanes)
                weight = self.weights[c * g.stride + p]
                held = (
                    words.word_select(lane, g.weight_shape.width).as_signed() == weight,
                    probe.signal(f"miss_unit.weight_{lane}") == weight,
                    unit.o.payload.products[lane] == self.product(key, c, p),
                )
                for n, good in enumerate(held, 1):
                    late = here & (phase == group + n)
                    claim(m, ~late | good, f"miss stage {n} has product {c} {p}")

    def _keys(self, m, probe, c, pixels):
        """The CAM of one channel knows its keys, each once, and what it shows."""
        compared, encoded, pixel = pixels
        near = self._found(probe, c, "behind")
        g, cam, found = self.dut.geometry, f"lookups.table_{c}", self._found(probe, c)
        valid, match = probe.signal(f"{cam}.valid"), probe.signal(f"{cam}.match")
        claim(m, probe.signal(f"{cam}.victim") < g.entries, f"victim {c} is an entry")
        shown = probe.signal(f"{cam}.key") == compared
        shown &= (near.key == encoded) & (found.key == pixel)
        claim(m, shown, f"cam {c} holds the beats")
        claim(m, ~near.hit | (near.index < g.entries), f"the hit behind {c} is an entry")
        flushes = probe.signal(f"lookups.flush_{c}")
        claim(m, ~self.swapped | flushes, f"a swap empties {c}")
        if self.dut.memories[c].is_block:
            for group in range(g.row_groups):
                copy = probe.signal(f"index_{c}_{group}")
                claim(m, copy == found.index, f"copy {c} {group} is the entry")
        claim(m, ~found.hit | (found.index < g.entries), f"hit {c} is an entry")
        keys = self._remembered(probe, c)
        for n, key in enumerate(keys):
            claim(m, match[n] == (valid[n] & (key == compared)), f"match {c} {n} is right")
            known = near.hit & (near.index == n)
            right = known == (valid[n] & (key == encoded))
            claim(m, right, f"the hit behind {c} {n} is right")
            here = valid[n] & (key == pixel)
            shown = found.hit & (found.index == n)
            claim(m, ~valid[n] | (shown == here), f"hit {c} {n} is right")
            for other in range(n):
                twins = valid[n] & valid[other] & (key == keys[other])
                claim(m, ~twins, f"keys {c} differ {n} {other}")

    def _remembered(self, probe, c):
        g = self.dut.geometry
        words = probe.signal(f"lookups.table_{c}.keys")
        return [words.word_select(n, g.key_shape.width) for n in range(g.entries)]

    def _products(self, m, probe, c, *, looked_up, unfilled, written):
        """Entries hold their keys' products, but for the one that is filled: that is on its way.

        ``unfilled``: the entry shown has not all of them. ``written``: whether it is this
        channel's turn, and the phase.
        """
        g, found, pixel = self.dut.geometry, self._found(probe, c), looked_up.pixel[c]
        valid = probe.signal(f"lookups.table_{c}.valid")
        turn, phase = written
        for n, key in enumerate(self._remembered(probe, c)):
            shown = looked_up.live & found.hit & (found.index == n)
            for p in range(g.products):
                group, lane = divmod(p, g.lanes)
                word = probe.word(f"products_{c}.group_{group}", n)
                held = word.word_select(lane, g.product_shape.width).as_signed()
                there = ~unfilled | (turn & (phase > group + MISS_STAGES))
                of_beat = held == self.product(pixel, c, p)
                claim(m, ~(shown & there) | of_beat, f"entry {c} {n} {p} is of the beat")
                of_key = held == self.product(key, c, p)
                good = ~valid[n] | self.swapped | shown | of_key
                claim(m, good, f"entry {c} {n} {p} is of its key")


SIZES: dict[str, dict[str, Any]] = {
    "one channel": {"channels": 1, "entries": 3},
    "two channels": {"channels": 2, "entries": 2, "width": 2, "multipliers": 1},
    "one entry": {"channels": 1, "entries": 1, "multipliers": 4},
    "block memories": {"channels": 2, "entries": 2, "width": 2, "block": True},
}


@pytest.mark.parametrize("size", SIZES)
def test_never_a_wrong_product(size):
    harness = TableHarness(make_table(**SIZES[size]))
    prove(harness, mode="prove", depth=2).holds()


def waiting(*, less=0):
    """A beat waits no longer than for a miss in every channel; ``less``: the fault."""
    table = make_table(channels=2, width=1, multipliers=1)
    geometry = table.geometry
    return WaitHarness(table, geometry.channels * geometry.fill_cycles - less)


def test_waits_for_its_misses_alone():
    prove(waiting(), mode="bmc", depth=18).holds()


def test_fault_waits_less():
    prove(waiting(less=1), mode="bmc", depth=18).breaks("the input waits no longer")


def test_fault_a_swap_under_a_live_beat():
    harness = TableHarness(make_table(width=2), strict=False, invariants=False)
    prove(harness, mode="bmc", depth=14).breaks("is the value times the weight")


class KeepsStaleProducts(ReuseTable):
    """A table that a swap does not empty."""

    def _look_up(self, m, step):
        super()._look_up(m, step)
        m.d.comb += self.lookups.flush.eq(self.flush)


class LoadsOverTheActiveSet(MissUnit):
    """A miss unit with one set of weights."""

    def _weight_memory(self, m, group):
        words = super()._weight_memory(m, group)
        write = m.submodules.weights.write_ports[0]
        m.d.comb += write.addr[-1].eq(m.submodules.weights.read_ports[0].addr[-1])
        return words


class HasOneSet(ReuseTable):
    """A table whose weights change while they are loaded."""

    def __init__(self, config):
        super().__init__(config)
        self.miss_unit = LoadsOverTheActiveSet(self.geometry, self.miss_unit.weights)


class LetsGoEarly(ReuseTable):
    """A table for which a miss is served when it is asked for, before its products come."""

    def _request(self, m):
        done = super()._request(m)
        request = self.miss_unit.i
        taken = request.valid & request.ready
        m.d.comb += self.lookups.served.eq(Mux(taken, 1 << request.payload.channel, 0))
        return done


class WritesBesideTheVictim(ReuseTable):
    """A table whose products go to entry 0, whatever the victim."""

    def _product_memory(self, m, c, step, *, entries, index):
        entries = [Const(0, len(entry)) for entry in entries]
        super()._product_memory(m, c, step, entries=entries, index=index)


@pytest.mark.parametrize(
    "fault", [KeepsStaleProducts, HasOneSet, LetsGoEarly, WritesBesideTheVictim]
)
def test_fault_in_the_table(fault):
    harness = TableHarness(make_table(width=2, table=fault), invariants=False)
    prove(harness, mode="bmc", depth=20).breaks("is the value times the weight")
