"""ReuseTable against plain products and a first-in-first-out model of what each channel knows."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.reuse_table import ReuseTable
from tests.hw.benches import InTurn, Narrow, Recorder
from tests.hw.layers import make_config, make_layer, random_pixels
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


class Model:
    """The products of live beats in order, and what the table counts on the way."""

    def __init__(self, config):
        self.channels, self.entries = config.layer.channels, config.table.entries
        self.geometry = ReuseTable(config).geometry
        self.weights = config.learned_weight.swapaxes(0, 1).reshape(self.channels, -1).tolist()
        self.known = [[] for _ in range(self.channels)]
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
        for x, known in zip(pixel, self.known, strict=True):
            if x not in known:
                self.misses += 1
                known.append(x)
                del known[: -self.entries]

    def swap(self, weights):
        self.weights = weights
        self.flush()

    def flush(self):
        self.known = [[] for _ in self.known]

    def events(self):
        return {
            "lookup": self.lookups,
            "hits": self.lookups * self.channels - self.misses,
            "miss": self.misses,
            "stall": self.misses * self.geometry.fill_cycles,
        }


def check(config, steps, pause=ALWAYS):
    """Run steps in turn; returns the cycles.

    ("i", beat), ("i_weight", word of a set), ("swap", the whole set) and ("flush", None).
    """
    model = Model(config)
    dut = ReuseTable(config)
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
    assert totals == model.events()
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
    products = ReuseTable(config).geometry.products
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
    return make_config(
        layer,
        entries=draw(st.sampled_from([1, 2, 3, 8])),
        multipliers=draw(st.sampled_from([1, 2, 8, 64])),
    )


@settings(max_examples=15)
@given(config=configs(), pause=st.sampled_from(PAUSES), seed=st.integers(0, 999))
def test_remembers_and_computes(config, pause, seed):
    rng = random.Random(f"{seed} {pause_seed()}")
    layer = config.layer
    idle = ("i", {"pixel": [0] * layer.channels, "live": 0})
    weights = random_weights(rng, config)
    steps = beats(random_pixels(rng, layer, 30, values=5), lambda: rng.random() < 0.9)
    steps = mixed(rng, steps, load(weights))  # while the old set is computed with
    steps += [idle, idle, ("swap", weights)]
    steps += [*beats(random_pixels(rng, layer, 10, values=3)), idle, idle, ("flush", None)]
    steps += beats(random_pixels(rng, layer, 10, values=3))
    check(config, steps, pause)


@pytest.mark.parametrize("pause", PAUSES)
def test_holds_the_stream_under_back_pressure(pause):
    rng = random.Random(pause_seed())
    layer = make_layer(kernels=2, channels=2, kernel_shape=(1, 3))
    config = make_config(layer, entries=2, multipliers=2)
    check(config, beats(random_pixels(rng, layer, 40, values=4)), pause)


def test_256_entries_know_every_byte():
    config = make_config(make_layer(), entries=256, multipliers=1)
    pixels = [[x] for x in range(256)] * 2
    random.Random(pause_seed()).shuffle(pixels)
    cycles = check(config, beats(pixels))
    assert sum(cycle["events"]["miss"] for cycle in cycles) == 256


def test_no_product_of_the_old_set_outlives_the_swap():
    """Also where both sets have keys, products and addresses in common, and back again."""
    rng = random.Random(pause_seed())
    layer = make_layer(kernels=2, channels=2, kernel_shape=(1, 2))
    config = make_config(layer, entries=4)
    pixels = random_pixels(rng, layer, 12, values=4)
    idle = ("i", {"pixel": [0, 0], "live": 0})
    steps = beats(pixels)
    for _ in range(3):
        weights = random_weights(rng, config)
        steps += [*load(weights), idle, idle, ("swap", weights), *beats(pixels)]
    check(config, steps)


@pytest.mark.parametrize("pulses", [0.05, 0.3])
@pytest.mark.parametrize("pause", [ALWAYS, (Pause.HALF, Pause.HALF), (Pause.ALWAYS, Pause.STALL)])
def test_a_flush_at_any_time_changes_no_product_and_withdraws_no_beat(pause, pulses):
    rng = random.Random(pause_seed())
    layer = make_layer(kernels=2, channels=3, kernel_shape=(2, 2))
    config = make_config(layer, entries=4, multipliers=2)

    def flusher(dut):
        async def flush(ctx):
            while True:
                ctx.set(dut.flush, rng.random() < pulses)
                await ctx.tick()

        return flush

    model, dut = Model(config), ReuseTable(config)
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
    fill = ReuseTable(config).geometry.fill_cycles
    assert fill == 6
    pixels = [[7, 7, 7, 7], [7, 7, 7, 7], [1, 7, 2, 7], [7, 7, 7, 3], *[[1, 7, 2, 3]] * 9]
    cycles = check(config, beats(pixels))
    moved = [n for n, cycle in enumerate(cycles) if cycle["step"]]
    waits = [later - earlier - 1 for earlier, later in pairwise(moved)]
    # A beat is compared while the one before it is looked up.
    assert waits[: len(pixels) + 1] == [0, 4 * fill, 0, 2 * fill, fill, *[0] * 9]


def test_beats_that_are_not_live_are_not_looked_up():
    layer = make_layer()
    config = make_config(layer)
    cycles = check(config, beats([[n] for n in range(9)], live=lambda: False))
    assert not any(any(cycle["events"].values()) for cycle in cycles)
