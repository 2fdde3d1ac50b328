"""Reuse tables, blocking and looking ahead, against plain products and the golden tables."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.look_ahead_table import make_reuse_table
from sw.part_configs import ORGANISATIONS
from sw.tables import Table
from tests.hw.benches import InTurn, Narrow, Recorder
from tests.hw.layers import make_config, make_layer, random_pixels
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)

KINDS = {
    "registers": {},
    "memory": {"organisation": "memory"},
    "sets": {"organisation": "set_associative", "ways": 2, "replacement": "plru"},
    "look-ahead": {"look_ahead": 4},
    "memory, look-ahead": {"organisation": "memory", "look_ahead": 7},
}
"""More settings of the table."""


class Model:
    """The products of live beats in order, and what the table counts on the way."""

    def __init__(self, config):
        self.config = config
        self.channels = config.layer.channels
        self.geometry = make_reuse_table(config).geometry
        self.weights = config.learned_weight.swapaxes(0, 1).reshape(self.channels, -1).tolist()
        self.flush()
        self.lookups = self.misses = 0
        self.products = []

    def beat(self, pixel, live):
        if not live:
            self.products.append(None)
            return
        self.lookups += 1
        self.products.append(
            [[x * w for w in row] for x, row in zip(pixel, self.weights, strict=True)]
        )
        self.misses += sum(
            table.look_up(np.array([x])) for x, table in zip(pixel, self.tables, strict=True)
        )

    def swap(self, weights):
        self.weights = weights
        self.flush()

    def flush(self):
        self.tables = [Table(self.config.table) for _ in range(self.channels)]

    def events(self):
        return {
            "lookup": self.lookups,
            "hits": self.lookups * self.channels - self.misses,
            "miss": self.misses,
            "stall": self.misses * self.geometry.fill_cycles,
        }

    def agrees(self, totals):
        """Whether the table counted what it should; with look-ahead, stalls depend on time."""
        expected = self.events()
        if self.config.table.look_ahead:
            del expected["stall"], totals["stall"]
        return totals == expected


def check(config, steps, pause=ALWAYS):
    """Run steps in turn; returns the cycles.

    ("i", beat), ("i_weight", word of a set), ("swap", the whole set) and ("flush", None).
    """
    model = Model(config)
    dut = make_reuse_table(config)
    bench = InTurn(Narrow(dut, "o"), "i", "i_weight", "swap", "flush")
    events = Recorder(events=dut.events, step=dut.i.valid & dut.i.ready)
    steps = [*steps, *[("i", {"pixel": [0] * model.channels, "live": 0})] * dut.latency]
    for kind, payload in steps:
        match kind:
            case "i":
                model.beat(**payload)
            case "swap":
                model.swap(payload)
            case "flush":
                model.flush()
    results = run_streams(
        bench,
        {"i": [bench.item(*step) for step in steps]},
        pause=pause,
        testbenches=[events.watch],
    )["o"]
    assert len(results) == len(model.products)
    for n, (actual, expected) in enumerate(
        zip(results[dut.latency :], model.products, strict=False)
    ):
        assert expected is None or actual == expected, f"beat {n}"
    totals = {
        name: sum(cycle["events"][name] for cycle in events.cycles) for name in model.events()
    }
    assert model.agrees(totals), (totals, model.events())
    return events.cycles


def beats(pixels, live=lambda: True):
    return [("i", {"pixel": pixel, "live": int(live())}) for pixel in pixels]


def load(weights):
    """Steps that load a set, (C, products), without swapping it in."""
    words = [weight for row in weights for weight in row]
    marks = [{"first": not n, "last": n == len(words) - 1} for n in range(len(words))]
    payloads = [{"weight": word, **mark} for word, mark in zip(words, marks, strict=True)]
    return [("i_weight", payload) for payload in payloads]


def random_weights(rng, config):
    limits = config.layer.weight_format.range
    products = make_reuse_table(config).geometry.products
    return [
        [rng.randint(limits.lo, limits.hi) for _ in range(products)]
        for _ in range(config.layer.channels)
    ]


def mixed(rng, first, second):
    """Both lists' steps, each in its order, mixed at random."""
    sources = [iter(first), iter(second)]
    turns = [0] * len(first) + [1] * len(second)
    return [next(sources[n]) for n in rng.sample(turns, len(turns))]


@st.composite
def configs(draw):
    taps = draw(st.sampled_from([(1, 1), (1, 2), (2, 2), (3, 1)]))
    layer = make_layer(
        kernels=draw(st.integers(1, 3)),
        channels=draw(st.integers(1, 4)),
        kernel_shape=taps,
        input_signed=draw(st.booleans()),
        seed=draw(st.integers(0, 999)),
    )
    entries = draw(st.sampled_from([1, 2, 3, 8]))
    return make_config(
        layer,
        entries=entries,
        multipliers=draw(st.sampled_from([1, 2, 8, 64])),
        protection=draw(st.sampled_from(["none", "parity"])),
        table={
            "organisation": draw(st.sampled_from(ORGANISATIONS)),
            "ways": draw(st.sampled_from([3] if entries == 3 else [1, entries])),
            "replacement": draw(st.sampled_from(["fifo", "lru"])),
            "look_ahead": draw(st.sampled_from([0, 1, 2, 5, 20])),
        },
    )


def idle(config):
    """As many idle beats as a swap must wait for, and a flush that the model can follow."""
    beat = {"pixel": [0] * config.layer.channels, "live": 0}
    return [("i", beat)] * (make_reuse_table(config).latency - 1)


@settings(max_examples=12)
@given(config=configs(), pause=st.sampled_from(PAUSES), seed=st.integers(0, 999))
def test_remembers_and_computes(config, pause, seed):
    rng = random.Random(f"{seed} {pause_seed()}")
    layer = config.layer
    weights = random_weights(rng, config)
    steps = beats(random_pixels(rng, layer, 30, values=5), lambda: rng.random() < 0.9)
    steps = mixed(rng, steps, load(weights))  # while the old set is computed with
    steps += [*idle(config), ("swap", weights)]
    steps += [*beats(random_pixels(rng, layer, 10, values=3)), *idle(config), ("flush", None)]
    steps += beats(random_pixels(rng, layer, 10, values=3))
    check(config, steps, pause)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pause", PAUSES)
def test_holds_the_stream_under_back_pressure(pause, kind):
    rng = random.Random(pause_seed())
    layer = make_layer(kernels=2, channels=2, kernel_shape=(1, 3))
    config = make_config(layer, entries=2, multipliers=2, table=KINDS[kind])
    check(config, beats(random_pixels(rng, layer, 40, values=4)), pause)


def test_256_entries_know_every_byte():
    config = make_config(make_layer(), entries=256, multipliers=1)
    pixels = [[x] for x in range(256)] * 2
    random.Random(pause_seed()).shuffle(pixels)
    cycles = check(config, beats(pixels))
    assert sum(cycle["events"]["miss"] for cycle in cycles) == 256


@pytest.mark.parametrize("kind", KINDS)
def test_no_product_of_the_old_set_outlives_the_swap(kind):
    """Also where both sets have keys, products and addresses in common, and back again."""
    rng = random.Random(pause_seed())
    layer = make_layer(kernels=2, channels=2, kernel_shape=(1, 2))
    config = make_config(layer, entries=4, table=KINDS[kind])
    pixels = random_pixels(rng, layer, 12, values=4)
    steps = beats(pixels)
    for _ in range(3):
        weights = random_weights(rng, config)
        steps += [*load(weights), *idle(config), ("swap", weights), *beats(pixels)]
    check(config, steps)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pulses", [0.05, 0.3])
@pytest.mark.parametrize("pause", [ALWAYS, (Pause.HALF, Pause.HALF), (Pause.ALWAYS, Pause.STALL)])
def test_a_flush_at_any_time_changes_no_product_and_withdraws_no_beat(pause, pulses, kind):
    rng = random.Random(pause_seed())
    layer = make_layer(kernels=2, channels=3, kernel_shape=(2, 2))
    config = make_config(layer, entries=4, multipliers=2, table=KINDS[kind])

    def flusher(dut):
        async def flush(ctx):
            while True:
                ctx.set(dut.flush, rng.random() < pulses)
                await ctx.tick()

        return flush

    model, dut = Model(config), make_reuse_table(config)
    pixels = random_pixels(rng, layer, 80, values=5)
    inputs = [{"pixel": pixel, "live": 1} for pixel in pixels]
    for beat in inputs:
        model.beat(**beat)
    bench = Narrow(dut, "o")
    results = run_streams(bench, {"i": inputs}, pause=pause, testbenches=[flusher(dut)])["o"]
    assert results[dut.latency :] == model.products[: -dut.latency]


def test_a_hit_takes_no_cycle_and_a_beat_waits_for_its_misses_alone():
    layer = make_layer(kernels=3, channels=4, kernel_shape=(1, 3))
    config = make_config(layer, entries=8, multipliers=4)
    fill = make_reuse_table(config).geometry.fill_cycles
    assert fill == 6
    pixels = [[7, 7, 7, 7], [7, 7, 7, 7], [1, 7, 2, 7], [7, 7, 7, 3], *[[1, 7, 2, 3]] * 9]
    cycles = check(config, beats(pixels))
    moved = [n for n, cycle in enumerate(cycles) if cycle["step"]]
    waits = [later - earlier - 1 for earlier, later in pairwise(moved)]
    # Two beats are on their way behind the one that is shown.
    assert waits[: len(pixels) + 1] == [0, 0, 4 * fill, 0, 2 * fill, fill, *[0] * 8]


def test_later_hits_go_on_behind_a_miss():
    """One miss in 8 beats, of 4 cycles of multiplication, costs but the cycles to queue it."""
    layer = make_layer(kernels=4, kernel_shape=(1, 4), input_bits=9)
    pixels = [[n // 8] for n in range(400)]
    cycles = {}
    for ahead in (0, 12):
        config = make_config(layer, entries=8, multipliers=4, table={"look_ahead": ahead})
        moves = [cycle["step"] for cycle in check(config, beats(pixels))]
        cycles[ahead] = len(moves[: len(moves) - 1 - moves[::-1].index(1)]) - sum(moves)
    assert cycles[0] > 50 * 6
    assert cycles[12] < 50 * 3


def test_the_multipliers_never_pause_while_misses_are_queued():
    layer = make_layer(kernels=4, channels=2, kernel_shape=(1, 4))
    config = make_config(layer, entries=128, multipliers=4, table={"look_ahead": 12})
    pixels = [[n, n] for n in range(100)]
    cycles = check(config, beats(pixels))
    steps = [n for n, cycle in enumerate(cycles) if cycle["step"]]
    misses, groups = 200, 4
    assert steps[99 + 12] - steps[3] < misses * groups + 12 * 3


def test_beats_that_are_not_live_are_not_looked_up():
    layer = make_layer()
    config = make_config(layer)
    cycles = check(config, beats([[n] for n in range(9)], live=lambda: False))
    assert not any(any(cycle["events"].values()) for cycle in cycles)
