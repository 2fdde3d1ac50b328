"""ReuseTable: never a wrong product, by induction, whatever is loaded, flushed and replaced.

The invariants say what each register of the table means in terms of the weights loaded so far;
the chief one: an entry that is valid holds its key times every weight of its channel.
"""

from typing import Any

import pytest
from amaranth.hdl import Module, Mux, Signal, Value

from hw.blocks.reuse_table import ReuseTable
from tests.formal.contract import (
    Harness,
    Probe,
    claim,
    keeps_until_ready,
    moves,
    same_steps,
    suppose,
    waits_at_most,
)
from tests.formal.prove import prove
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal


def make_table(*, channels=1, entries=2, width=3, multipliers=2, table=ReuseTable):
    layer = make_layer(channels=channels, kernel_shape=(1, width), input_bits=4, weight_bits=4)
    return table(make_config(layer, entries=entries, multipliers=multipliers))


class TableHarness(Harness):
    """``strict``: weights are loaded only as the table allows; False is a fault."""

    def __init__(self, dut, *, strict=True, invariants=True):
        self.strict = strict
        self.invariants = invariants
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:
        i, o, g = self.i, self.o, self.dut.geometry
        write: Any = vars(self)["i_weight"]
        keeps_until_ready(m, i, assume=True)
        keeps_until_ready(m, o)
        same_steps(m, i, o)
        self.step = moves(i)
        # Weights come while the last beat that came is idle, and none that is live comes along.
        live = Signal()
        with m.If(self.step):
            m.d.sync += live.eq(i.payload.live)
        if self.strict:
            suppose(m, ~write.valid | ~(live | (i.valid & i.payload.live)))
        self.live = live
        suppose(m, write.payload.index < g.channels * g.stride)

        # What was loaded; what the beat in the CAM stage is; what must be at the output.
        self.weights = self._loaded(m, write)
        pixel = Signal(i.payload.pixel.shape())
        output_live = Signal()
        with m.If(self.step):
            m.d.sync += [pixel.eq(i.payload.pixel), output_live.eq(live)]
        for c in range(g.channels):
            for p in range(g.products):
                expected = Signal(g.product_shape, name=f"expected_{c}_{p}")
                with m.If(self.step):
                    m.d.sync += expected.eq(self.product(pixel[c], c, p))
                good = ~output_live | (o.payload[c][p] == expected)
                claim(m, good, f"product {c} {p} is the value times the weight")
        if self.invariants:
            self._invariants(m, probe, pixel)

    def _loaded(self, m, write):
        """Shadows of the weight memory, by address."""
        g = self.dut.geometry
        weights = []
        for n, init in enumerate(self.dut.miss_unit.weights):
            weight = Signal(g.weight_shape, init=init, name=f"weight_{n}")
            with m.If(write.valid & (write.payload.index == n)):
                m.d.sync += weight.eq(write.payload.weight)
            weights.append(weight)
        return weights

    def product(self, value, c, p):
        return value * self.weights[c * self.dut.geometry.stride + p]

    def _invariants(self, m, probe, pixel):
        g = self.dut.geometry
        missing, phase = probe.signal("missing"), probe.signal("miss_unit.phase")
        claim(m, probe.signal("live") == self.live, "the table knows whether a beat is live")
        self._weight_memory(m, probe)
        channel = Signal(range(g.channels))
        for c in reversed(range(g.channels)):
            with m.If(missing[c]):
                m.d.comb += channel.eq(c)
        self._miss_unit(m, probe, missing=missing, phase=phase, channel=channel, pixel=pixel)
        for c in range(g.channels):
            filling = missing[c] & (channel == c)
            self._entries(m, probe, c, pixel=pixel[c], filling=filling, phase=phase)

    def _weight_memory(self, m, probe):
        g = self.dut.geometry
        bits = g.weight_shape.width
        for n, weight in enumerate(self.weights):
            word = probe.word("miss_unit.weights", n // g.lanes)
            held = word.word_select(n % g.lanes, bits).as_signed()
            claim(m, held == weight, f"weight {n} is the one loaded")

    def _miss_unit(self, m, probe, *, missing, phase, channel, pixel):
        """Each stage of the miss unit holds what its phase says."""
        g = self.dut.geometry
        busy = missing.any()
        claim(m, phase < g.fill_cycles, "phase is in range")
        claim(m, busy | (phase == 0), "phase rests at 0")
        key = Signal(g.key_shape)
        with m.Switch(channel):
            for c in range(g.channels):
                with m.Case(c):
                    m.d.comb += key.eq(pixel[c])
        started = busy & (phase >= 1)
        claim(
            m,
            ~started | (probe.signal("miss_unit.channel", unnamed=0) == channel),
            "channel is held",
        )
        claim(m, ~started | (probe.signal("miss_unit.key") == key), "key is held")
        words = probe.read_data("miss_unit.weights")
        products = Value.cast(self.dut.miss_unit.o.payload.products)
        bits, product_bits = g.weight_shape.width, g.product_shape.width
        for c in range(g.channels):
            for p in range(g.products):
                group, lane = divmod(p, g.lanes)
                here = busy & (channel == c)
                read = words.word_select(lane, bits).as_signed()
                weight = self.weights[c * g.stride + p]
                claim(m, ~(here & (phase == group + 1)) | (read == weight), f"read {c} {p}")
                made = products.word_select(lane, product_bits).as_signed()
                good = made == self.product(key, c, p)
                claim(m, ~(here & (phase == group + 2)) | good, f"multiplied {c} {p}")

    def _entries(self, m, probe, c, *, pixel, filling, phase):
        """Entries of one channel: their keys differ, their products are right."""
        g = self.dut.geometry
        cam = f"cam_{c}"
        valid, match = (
            probe.signal(f"{cam}.valid", unnamed=0),
            probe.signal(f"{cam}.match", unnamed=1),
        )
        words, victim = probe.signal(f"{cam}.keys"), probe.signal(f"{cam}.victim")
        keys = [words.word_select(n, g.key_shape.width) for n in range(g.entries)]
        claim(m, victim < g.entries, f"victim {c} is an entry")
        claim(m, probe.signal(f"{cam}.key") == pixel, f"cam {c} shows the beat")
        for n, key in enumerate(keys):
            sees = ~(self.live & valid[n] & (key == pixel)) | match[n]
            claim(m, sees, f"cam {c} sees entry {n}")
            for other in range(n):
                both = match[n] & match[other]
                claim(m, ~both, f"match {c} is one hot {n} {other}")
                twins = valid[n] & valid[other] & (key == keys[other])
                claim(m, ~twins, f"keys {c} differ {n} {other}")
            for p in range(g.products):
                group, lane = divmod(p, g.lanes)
                word = probe.word(f"products_{c}_{group}", n)
                held = word.word_select(lane, g.product_shape.width).as_signed()
                is_new = filling & (victim == n) & (phase >= group + 3)
                of_key, of_pixel = self.product(key, c, p), self.product(pixel, c, p)
                good = Mux(is_new | (match[n] & self.live), held == of_pixel, 1)
                claim(m, good, f"entry {c} {n} {p} has the products of the beat")
                claim(m, ~valid[n] | is_new | (held == of_key), f"entry {c} {n} {p} is right")


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
    prove(WaitHarness(table), mode="bmc", depth=16).holds()


def test_fault_waits_less():
    table = make_table(channels=2, width=1, multipliers=1)
    prove(WaitHarness(table, less=1), mode="bmc", depth=16).breaks("the input waits no longer")


def test_fault_weights_change_under_a_live_beat():
    harness = TableHarness(make_table(width=2), strict=False, invariants=False)
    prove(harness, mode="bmc", depth=12).breaks("is the value times the weight")


class KeepsStaleProducts(ReuseTable):
    """A table that new weights do not empty."""

    def _cams(self, m, step):
        cams = super()._cams(m, step)
        for cam in cams:
            m.d.comb += cam.flush.eq(0)
        return cams


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


@pytest.mark.parametrize("fault", [KeepsStaleProducts, InsertsEarly, WritesBesideTheVictim])
def test_fault_in_the_table(fault):
    harness = TableHarness(make_table(width=2, table=fault), invariants=False)
    prove(harness, mode="bmc", depth=20).breaks("is the value times the weight")
