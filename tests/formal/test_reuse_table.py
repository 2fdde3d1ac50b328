"""ReuseTable: never a wrong product, by induction, whatever is loaded, swapped and flushed.

There are two sets of weights: the one that counts, and the one that is loaded. The invariants say
what each register of the table means in terms of the first; the chief one: an entry that is valid
holds its key times every weight of its channel. So no product of a set outlives its swap.
"""

from typing import Any

import pytest
from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import data

from hw.blocks.cam import Cam
from hw.blocks.miss_unit import MissUnit
from hw.blocks.reuse_table import ReuseTable
from tests.formal.contract import (
    Harness,
    Probe,
    claim,
    keeps_until_ready,
    moves,
    past,
    same_steps,
    suppose,
    waits_at_most,
)
from tests.formal.prove import prove
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal

MISS_STAGES = 3
"""Of the miss unit, before its products are written: read, hold, multiply."""


def make_table(*, channels=1, entries=2, width=3, multipliers=2, table=ReuseTable):
    layer = make_layer(channels=channels, kernel_shape=(1, width), input_bits=4, weight_bits=4)
    return table(make_config(layer, entries=entries, multipliers=multipliers))


class TableHarness(Harness):
    """``strict``: sets are swapped only as the table allows; False is a fault."""

    def __init__(self, dut, *, strict=True, invariants=True):
        self.strict = strict
        self.invariants = invariants
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:
        i, o, g = self.i, self.o, self.dut.geometry
        write, swap = vars(self)["i_weight"], vars(self)["swap"]
        keeps_until_ready(m, i, assume=True)
        keeps_until_ready(m, o)
        same_steps(m, i, o)
        foretold = past(m, vars(self)["i_next"], init=1)
        claim(m, i.ready == (o.ready & foretold), "readiness was foretold")
        self._two_sets(m, write, swap)

        # The beats in the stages: compared, looked up, and what must be at the output then.
        step = moves(i)
        beat = i.payload.shape()
        compared: Any = Signal(beat)
        looked_up: Any = Signal(beat)
        live = Signal()
        with m.If(step):
            m.d.sync += [
                compared.eq(i.payload),
                looked_up.eq(compared),
                live.eq(looked_up.live),
            ]
        if self.strict:
            suppose(m, ~swap | ~(compared.live | looked_up.live))
        for c in range(g.channels):
            for p in range(g.products):
                expected = Signal(g.product_shape, name=f"expected_{c}_{p}")
                with m.If(step):
                    m.d.sync += expected.eq(self.product(looked_up.pixel[c], c, p))
                good = ~live | (o.payload[c][p] == expected)
                claim(m, good, f"product {c} {p} is the value times the weight")
        if self.invariants:
            self._invariants(m, probe, compared, looked_up)

    def _two_sets(self, m, write, swap):
        """The set that counts and the one that is loaded, word by word in the order of a set."""
        g = self.dut.geometry
        places = [c * g.stride + p for c in range(g.channels) for p in range(g.products)]
        self.next_word = Signal(range(len(places)))
        word = Signal.like(self.next_word)
        m.d.comb += word.eq(Mux(write.payload.first, 0, self.next_word))
        suppose(m, ~write.valid | write.payload.first | (self.next_word != 0))
        suppose(m, ~write.valid | (write.payload.last == (word == len(places) - 1)))
        with m.If(write.valid):
            m.d.sync += self.next_word.eq(Mux(write.payload.last, 0, word + 1))
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

    def _invariants(self, m, probe, compared, looked_up):
        g = self.dut.geometry
        missing = Signal(g.channels)
        for c in range(g.channels):
            m.d.comb += missing[c].eq(looked_up.live & ~self._found(probe, c).hit)
        claim(m, probe.signal("missing", otherwise=3) == missing, "misses are known")
        known = probe.signal("live", otherwise=1) == looked_up.live
        claim(m, known, "the table knows whether a beat is live")
        claim(m, probe.signal("compared") == compared.live, "and of the one behind it")
        self._weight_memory(m, probe)
        channel, key = Signal(range(g.channels)), Signal(g.key_shape)
        for c in reversed(range(g.channels)):
            with m.If(missing[c]):
                m.d.comb += [channel.eq(c), key.eq(looked_up.pixel[c])]
        self._miss_unit(m, probe, busy=missing.any(), channel=channel, key=key)
        for c in range(g.channels):
            filling = missing[c] & (channel == c)
            self._channel(m, probe, c, compared=compared, looked_up=looked_up, filling=filling)

    def _found(self, probe, c) -> Any:
        """What the CAM of channel ``c`` shows."""
        shape = Cam(self.dut.geometry.key_shape, self.dut.geometry.entries).o.payload.shape()
        return data.View(shape, probe.signal(f"cam_{c}.o__payload"))

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

    def _miss_unit(self, m, probe, *, busy, channel, key):
        """Each stage of the miss unit holds what its phase says."""
        g = self.dut.geometry
        phase = probe.signal("miss_unit.phase")
        claim(m, phase < g.fill_cycles, "phase is in range")
        claim(m, busy | (phase == 0), "phase rests at 0")
        started = busy & (phase >= 1)
        held = probe.signal("miss_unit.channel", otherwise=0) == channel
        claim(m, ~started | held, "channel is held")
        claim(m, ~started | (probe.signal("miss_unit.key") == key), "key is held")
        words = probe.read_data("miss_unit.weights")
        products = self.dut.miss_unit.o.payload.products
        for c in range(g.channels):
            here = busy & (channel == c)
            for p in range(g.products):
                group, lane = divmod(p, g.lanes)
                weight = self.weights[c * g.stride + p]
                stages = (
                    words.word_select(lane, g.weight_shape.width).as_signed() == weight,
                    probe.signal(f"miss_unit.weight_{lane}") == weight,
                    products[lane] == self.product(key, c, p),
                )
                for stage, good in enumerate(stages, 1):
                    late = here & (phase == group + stage)
                    claim(m, ~late | good, f"miss stage {stage} has product {c} {p}")

    def _channel(self, m, probe, c, *, compared, looked_up, filling):
        """The CAM of one channel knows its keys, and its memory their products."""
        g = self.dut.geometry
        cam, phase = f"cam_{c}", probe.signal("miss_unit.phase")
        valid = probe.signal(f"{cam}.valid", otherwise=0)
        match = probe.signal(f"{cam}.match", otherwise=1)
        words, victim = probe.signal(f"{cam}.keys"), probe.signal(f"{cam}.victim")
        found = self._found(probe, c)
        behind, pixel = compared.pixel[c], looked_up.pixel[c]
        keys = [words.word_select(n, g.key_shape.width) for n in range(g.entries)]
        claim(m, victim < g.entries, f"victim {c} is an entry")
        shown = probe.signal(f"{cam}.key", otherwise="found") == behind
        claim(m, shown & (found.key == pixel), f"cam {c} holds the beats")
        claim(m, ~found.hit | (found.index < g.entries), f"hit {c} is an entry")
        for n, key in enumerate(keys):
            claim(m, match[n] == (valid[n] & (key == behind)), f"match {c} {n} is right")
            missed = ~found.hit & valid[n] & (key == pixel)
            claim(m, ~missed, f"miss {c} {n} is right")
            for other in range(n):
                twins = valid[n] & valid[other] & (key == keys[other])
                claim(m, ~twins, f"keys {c} differ {n} {other}")
            for p in range(g.products):
                group, lane = divmod(p, g.lanes)
                word = probe.word(f"products_{c}_{group}", n)
                held = word.word_select(lane, g.product_shape.width).as_signed()
                of_beat = held == self.product(pixel, c, p)
                is_new = filling & (victim == n) & (phase > group + MISS_STAGES)
                is_hit = found.hit & looked_up.live & (found.index == n)
                claim(m, ~(is_new | is_hit) | of_beat, f"entry {c} {n} {p} is of the beat")
                of_key = held == self.product(key, c, p)
                claim(m, ~valid[n] | is_new | of_key, f"entry {c} {n} {p} is of its key")


class WaitHarness(Harness):
    """A beat waits no longer than for a miss in every channel; ``less``: the fault."""

    def __init__(self, dut, *, less=0):
        self.less = less
        super().__init__(dut)

    def properties(self, m, probe):  # noqa: ARG002
        keeps_until_ready(m, self.i, assume=True)
        geometry = self.dut.geometry
        waits_at_most(m, self.i, self.o, geometry.channels * geometry.fill_cycles - self.less)


SIZES: dict[str, dict[str, Any]] = {
    "one channel": {"channels": 1, "entries": 3},
    "two channels": {"channels": 2, "entries": 2, "width": 2, "multipliers": 1},
    "one entry": {"channels": 1, "entries": 1, "multipliers": 4},
}


@pytest.mark.parametrize("size", SIZES)
def test_never_a_wrong_product(size):
    harness = TableHarness(make_table(**SIZES[size]))
    prove(harness, mode="prove", depth=2).holds()


def test_waits_for_its_misses_alone():
    table = make_table(channels=2, width=1, multipliers=1)
    prove(WaitHarness(table), mode="bmc", depth=18).holds()


def test_fault_waits_less():
    table = make_table(channels=2, width=1, multipliers=1)
    prove(WaitHarness(table, less=1), mode="bmc", depth=18).breaks("the input waits no longer")


def test_fault_a_swap_under_a_live_beat():
    harness = TableHarness(make_table(width=2), strict=False, invariants=False)
    prove(harness, mode="bmc", depth=14).breaks("is the value times the weight")


class KeepsStaleProducts(ReuseTable):
    """A table that a swap does not empty."""

    def _cams(self, m, step):
        cams = super()._cams(m, step)
        for cam in cams:
            m.d.comb += cam.flush.eq(self.flush)
        return cams


class LoadsOverTheActiveSet(MissUnit):
    """A miss unit with one set of weights."""

    def _weight_memory(self, m, phase):
        words = super()._weight_memory(m, phase)
        write = m.submodules.weights.write_ports[0]
        m.d.comb += write.addr[-1].eq(m.submodules.weights.read_ports[0].addr[-1])
        return words


class HasOneSet(ReuseTable):
    """A table whose weights change while they are loaded."""

    def __init__(self, config):
        super().__init__(config)
        self.miss_unit = LoadsOverTheActiveSet(self.geometry, self.miss_unit.weights)


class InsertsEarly(ReuseTable):
    """A table that remembers a key one cycle before its last products are written."""

    def _request(self, m, missing, cams):
        super()._request(m, missing, cams)
        phase = Signal(range(self.geometry.fill_cycles))
        with m.If(missing.any()):
            m.d.sync += phase.eq(phase + 1)
        for c, cam in enumerate(cams):
            m.d.comb += cam.insert.eq(missing[c] & (phase == self.geometry.fill_cycles - 2))


class WritesBesideTheVictim(ReuseTable):
    """A table whose products of group 0 go to entry 0, whatever the victim."""

    def _product_memory(self, m, c, cam, step):
        super()._product_memory(m, c, cam, step)
        ports = m.submodules[f"products_{c}_0"].write_ports
        m.d.comb += ports[0].addr.eq(0)


@pytest.mark.parametrize(
    "fault", [KeepsStaleProducts, HasOneSet, InsertsEarly, WritesBesideTheVictim]
)
def test_fault_in_the_table(fault):
    harness = TableHarness(make_table(width=2, table=fault), invariants=False)
    prove(harness, mode="bmc", depth=20).breaks("is the value times the weight")
