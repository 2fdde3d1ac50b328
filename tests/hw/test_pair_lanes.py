"""PairLanes: every product in order, and each lane's table exactly a plain one of its own.

Also while bits of what it remembers flip: with parity nothing wrong comes out; without it the same
flips must do harm, or they would prove nothing.
"""

import random
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Elaboratable, Module, Value
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFOBuffered
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.pair_lanes import PairLanes
from hw.fold import FoldGeometry
from sw.part_configs import FoldConfig
from sw.strategies import INSERT_CYCLES
from tests.hw.benches import Recorder
from tests.hw.faults import Flippable
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)
QUEUE = 128
"""Products are always taken: more than any test makes."""


class Stepped(Elaboratable):
    """The lanes with their operands as one payload, and their products in a queue."""

    def __init__(self, geometry):
        self.lanes = PairLanes(geometry)
        g = geometry
        values = data.ArrayLayout(data.ArrayLayout(g.value_shape, g.taps.lanes), g.channels.lanes)
        layout = {"step": g.step_layout, "value": values}
        weights = data.ArrayLayout(
            data.ArrayLayout(data.ArrayLayout(g.weight_shape, g.taps.lanes), g.channels.lanes),
            g.kernels.lanes,
        )
        layout |= {"weight": weights}
        self.i = stream.Signature(data.StructLayout(layout)).create(path=("i",))
        self.products = data.StructLayout(
            {"{}_{}_{}".format(*lane): g.product_shape for lane in self.lanes.numbers}
        )
        self.o = stream.Signature(self.products).create(path=("o",))

    def elaborate(self, _platform):
        m = Module()
        m.submodules.lanes = lanes = self.lanes
        payload = self.i.payload
        m.d.comb += [
            lanes.i.valid.eq(self.i.valid),
            self.i.ready.eq(lanes.i.ready),
            Value.cast(lanes.i.tag.step).eq(payload.step),
        ]
        m.submodules.queue = queue = SyncFIFOBuffered(width=self.products.size, depth=QUEUE)
        products = data.View(self.products, queue.w_data)
        m.d.comb += [
            queue.w_en.eq(lanes.o.valid),
            self.o.valid.eq(queue.r_rdy),
            Value.cast(self.o.payload).eq(queue.r_data),
            queue.r_en.eq(self.o.ready),
        ]
        for k, c, t in lanes.numbers:
            m.d.comb += products[f"{k}_{c}_{t}"].eq(lanes.o.product[k][c][t])
            m.d.comb += lanes.i.weight[k][c][t].eq(payload.weight[k][c][t])
            if not k:
                m.d.comb += lanes.i.value[c][t].eq(payload.value[c][t])
        return m


def geometry_of(
    *,
    kernels=2,
    channels=2,
    width=2,
    fold=(1, 1, 1),
    entries=2,
    multipliers=1,
    protection="none",
    **table,
):
    layer = make_layer(kernels=kernels, channels=channels, kernel_shape=(1, width), input_bits=4)
    folds = FoldConfig(**dict(zip(("kernels", "channels", "taps"), fold, strict=True)))
    config = make_config(
        layer,
        entries=entries,
        multipliers=multipliers,
        fold=folds,
        strategy="pair_cam",
        protection=protection,
    )
    return FoldGeometry(replace(config, table=replace(config.table, **table)))


def steps_of(rng, geometry, windows):
    """Sub-steps of so many windows, with few different operands."""
    k, c, t = geometry.lanes
    steps = []
    for _ in range(windows):
        for kernel, channel, tap in geometry.steps():
            steps.append(
                {
                    "step": {"kernel": kernel, "channel": channel, "tap": tap},
                    "value": rng.integers(0, 3, (c, t)).tolist(),
                    "weight": rng.integers(-2, 1, (k, c, t)).tolist(),
                }
            )
    return steps


def serves(geometry, step, lane):
    groups = (step["step"][name] for name in ("kernel", "channel", "tap"))
    parts = zip(geometry.axes, groups, lane, strict=True)
    return all(axis.part(group, x) is not None for axis, group, x in parts)


def plain(geometry, steps):
    """Products of each sub-step by lane; lookups, misses and stall cycles of all."""
    table = geometry.config.table
    lanes = list(geometry.lane_numbers())
    known = {lane: deque(maxlen=table.entries) for lane in lanes}
    multipliers = min(table.multipliers, len(lanes))
    products, lookups, misses, stall = [], 0, 0, 0
    for step in steps:
        missed = [0] * multipliers
        products.append({})
        for n, (k, c, t) in enumerate(lanes):
            products[-1][f"{k}_{c}_{t}"] = 0
            if not serves(geometry, step, (k, c, t)):
                continue
            pair = step["value"][c][t], step["weight"][k][c][t]
            products[-1][f"{k}_{c}_{t}"] = pair[0] * pair[1]
            lookups += 1
            if pair not in known[k, c, t]:
                known[k, c, t].append(pair)
                missed[n % multipliers] += 1
        misses += sum(missed)
        if any(missed):
            stall += max(missed) + 1 + INSERT_CYCLES[table.organisation]
    return products, {
        "lookups": lookups,
        "hits": lookups - misses,
        "misses": misses,
        "stall": stall,
    }


def run(geometry, steps, pause=ALWAYS, *, flips=None):
    """What leaves, and all cycles; ``flips``: random state, kinds, how often."""
    dut = Stepped(geometry)
    lanes = dut.lanes
    seen = Recorder(events=lanes.events, ready=lanes.i.ready, foretold=lanes.i_next)
    benches = [seen.watch]
    if flips is not None:
        rng, kinds, often = flips
        dut = Flippable(dut)
        benches.append(dut.flipper(rng, kinds, often=often))
    results = run_streams(dut, {"i": steps}, pause=pause, testbenches=benches)["o"]
    told = [cycle["foretold"] for cycle in seen.cycles[:-1]]
    assert told == [cycle["ready"] for cycle in seen.cycles[1:]]
    return results, seen.cycles


def total(cycles, name):
    return sum(cycle["events"][name] for cycle in cycles)


def check(geometry, steps, pause=ALWAYS):
    results, cycles = run(geometry, steps, pause)
    products, totals = plain(geometry, steps)
    assert results == products
    assert totals == {name: total(cycles, name) for name in totals}
    assert total(cycles, "multiplications") == totals["misses"]
    assert total(cycles, "errors") == 0
    return cycles


@st.composite
def geometries(draw):
    kernels, channels, width = (draw(st.integers(1, most)) for most in (3, 2, 3))
    fold = tuple(draw(st.integers(1, parts)) for parts in (kernels, channels, width))
    return geometry_of(
        kernels=kernels,
        channels=channels,
        width=width,
        fold=fold,
        entries=draw(st.sampled_from([1, 2, 4])),
        multipliers=draw(st.sampled_from([1, 2, 8])),
        protection=draw(st.sampled_from(["none", "parity"])),
    )


@settings(max_examples=20)
@given(geometry=geometries(), pause=st.sampled_from(PAUSES), seed=st.integers(0, 999))
def test_remembers_and_computes(geometry, pause, seed):
    rng = np.random.default_rng([seed, pause_seed()])
    check(geometry, steps_of(rng, geometry, 12), pause)


def test_a_hit_takes_no_cycle():
    geometry = geometry_of(entries=8)
    step = steps_of(np.random.default_rng(1), geometry, 1)[0]
    cycles = check(geometry, [step] * 10)
    busy = [cycle["events"]["stall"] for cycle in cycles]
    assert sum(busy) == 8 + 2  # eight lanes miss once, on one multiplier
    first = busy.index(1)
    assert not any(busy[first + 10 :])


def test_a_lane_without_a_part_is_not_looked_up():
    geometry = geometry_of(kernels=3, channels=1, width=1, fold=(2, 1, 1), entries=8)
    steps = steps_of(np.random.default_rng(2), geometry, 5)
    cycles = check(geometry, steps)
    assert sum(cycle["events"]["lookups"] for cycle in cycles) == 3 * 5


@pytest.mark.parametrize("organisation", ["registers", "memory"])
def test_any_organisation_serves(organisation):
    geometry = geometry_of(entries=4, organisation=organisation)
    assert PairLanes(geometry).fill_cycles == 1 + INSERT_CYCLES[organisation]
    check(geometry, steps_of(np.random.default_rng(pause_seed()), geometry, 10))


FLIPPED = {
    "registers": {},
    "memory": {"organisation": "memory"},
    "sets": {"organisation": "set_associative", "ways": 2},
    "many multipliers": {"multipliers": 4},
    "short groups": {"kernels": 3, "fold": (2, 1, 1)},
}


def flip(rng, kinds, kind, *, protection):
    """Sub-steps while bits flip: (geometry, sub-steps, whether all is right, all cycles)."""
    geometry = geometry_of(**{"entries": 4, "protection": protection} | FLIPPED[kind])
    steps = steps_of(np.random.default_rng(rng.getrandbits(32)), geometry, 30)
    pause = rng.choice([ALWAYS, (Pause.BURSTY, Pause.ALWAYS)])
    results, cycles = run(geometry, steps, pause, flips=(rng, kinds, 0.2))
    return geometry, steps, results == plain(geometry, steps)[0], cycles


@pytest.mark.parametrize("kind", FLIPPED)
def test_flips_of_products_are_made_good_and_are_no_misses(kind):
    rng = random.Random(pause_seed())
    geometry, steps, right, cycles = flip(rng, "table", kind, protection="parity")
    assert right
    _, calm = run(geometry, steps)
    for name in ("lookups", "hits", "misses"):
        assert total(cycles, name) == total(calm, name)
    errors = total(cycles, "errors")
    assert errors > 0
    assert total(cycles, "multiplications") == total(cycles, "misses") + errors


@pytest.mark.parametrize("kind", FLIPPED)
def test_flips_of_operands_and_products_change_no_product(kind):
    rng = random.Random(pause_seed())
    for kinds in ("cam", "table cam"):
        _, _, right, cycles = flip(rng, kinds, kind, protection="parity")
        assert right
        assert total(cycles, "errors") > 0


@pytest.mark.parametrize("kind", FLIPPED)
def test_without_parity_the_same_flips_of_products_do_harm(kind):
    rng = random.Random(pause_seed())
    assert not all(flip(rng, "table", kind, protection="none")[2] for _ in range(2))
