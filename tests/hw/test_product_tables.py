"""ProductTables against plain multiplication, while sets are loaded, interrupted and swapped."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import Cat, Elaboratable, Module, Signal
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.product_tables import ProductTables
from hw.product_geometry import ProductGeometry
from sw.part_configs import FoldConfig
from tests.hw.benches import InTurn, Recorder
from tests.hw.layers import make_config, make_layer, random_pixels
from tests.hw.steps import Paced
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


def make(*, digit_bits=None, fold=(1, 1), **more):
    """(the engine, the width of a digit)."""
    layer = make_layer(**more)
    config = make_config(
        layer, strategy="split_table", fold=FoldConfig(kernels=fold[0], channels=fold[1])
    )
    return config, digit_bits or layer.input_format.bits


def set_of(weights):
    """Items of ``i_weight``: a whole set, (C, L * taps) weights."""
    flat = [int(weight) for channel in weights for weight in channel]
    return [
        {"weight": weight, "first": n == 0, "last": n == len(flat) - 1}
        for n, weight in enumerate(flat)
    ]


def random_weights(rng, config):
    """(C, L * taps) weights."""
    limits = config.layer.weight_format.range
    products = len(config.learned) * config.layer.taps
    return [
        [
            rng.choice([limits.lo, limits.hi, rng.randint(limits.lo, limits.hi)])
            for _ in range(products)
        ]
        for _ in range(config.layer.channels)
    ]


def model_weights(config):
    """The model's weights, (C, L * taps)."""
    return config.learned_weight.swapaxes(0, 1).reshape(config.layer.channels, -1).tolist()


class Bench(Elaboratable):
    """Tables fed with pixels as fast as sub-steps allow; a set is swapped in when it is loaded."""

    def __init__(self, config, digit_bits):
        self.dut = ProductTables(config, digit_bits=digit_bits)
        self.signature = self.dut.signature
        self.paced = Paced(self.dut.i.payload.shape(), self.dut.geometry.cycles)
        self.i = self.paced.i
        self.i_weight = self.signature.members["i_weight"].signature.create()
        self.o = None

    def elaborate(self, _platform):
        m = Module()
        m.submodules.dut, m.submodules.paced = dut, paced = self.dut, self.paced
        pending = Signal()
        weight = self.i_weight
        m.d.comb += [
            paced.allowed_next.eq(1),
            dut.i.valid.eq(paced.move),
            dut.i.payload.eq(paced.beat),
            dut.step_next.eq(paced.step_next),
            dut.i_weight.valid.eq(weight.valid & ~pending),
            dut.i_weight.payload.eq(weight.payload),
            weight.ready.eq(dut.i_weight.ready & ~pending),
            dut.swap.eq(pending & dut.loaded),
        ]
        with m.If(weight.valid & weight.ready & weight.payload.last):
            m.d.sync += pending.eq(1)
        with m.Elif(dut.swap):
            m.d.sync += pending.eq(0)
        return m

    def recorder(self, **more):
        """What :func:`check` wants to know of each cycle."""
        dut = self.dut
        return Recorder(
            **more,
            move=self.paced.move,
            pixel=self.paced.beat,
            swap=dut.swap,
            step=dut.o.valid,
            take=dut.i_weight.valid & dut.i_weight.ready,
            products=Cat(Cat(row) for row in dut.o.payload),
        )


def products_of(geometry, word):
    """The products [c][p] in the bits of a cycle."""
    width, lanes = geometry.product_shape.width, geometry.channels.lanes
    values = []
    for n in range(lanes * geometry.products):
        value = word >> n * width & ((1 << width) - 1)
        values.append(value - (value >> (width - 1) << width))
    return [values[c * geometry.products :][: geometry.products] for c in range(lanes)]


def compare(geometry, pixel, weights, sub_step, found):
    """Every product of a sub-step is the value times the weight."""
    g, h, _ = list(geometry.steps())[sub_step]
    for lane, row in enumerate(found):
        channel = geometry.channels.part(h, lane)
        for p, product in enumerate(row):
            kernel_lane, tap = divmod(p, geometry.taps.parts)
            kernel = geometry.kernels.part(g, kernel_lane)
            if channel is None:
                assert product == 0
            elif kernel is not None:
                weight = weights[channel][kernel * geometry.taps.parts + tap]
                assert product == pixel[channel] * weight, (pixel, channel, kernel, tap)


def check(dut, cycles, sets):
    """Every product of a beat that no swap disturbs; ``sets[n]`` is active after ``n`` swaps.

    Returns how many sub-steps of each set were compared.
    """
    geometry = dut.geometry
    swaps, epochs = 0, []
    for cycle in cycles:
        epochs.append(swaps)
        swaps += cycle["swap"]
    moves = [n for n, cycle in enumerate(cycles) if cycle["move"]]
    steps = [n for n, cycle in enumerate(cycles) if cycle["step"]]
    compared = [0] * len(sets)
    for beat, begun in enumerate(moves):
        for sub_step in range(geometry.cycles):
            step = beat * geometry.cycles + sub_step + dut.lead
            if step >= len(steps) or epochs[begun] != epochs[steps[step]]:
                continue
            epoch = epochs[begun]
            found = products_of(geometry, cycles[steps[step]]["products"])
            compare(geometry, cycles[begun]["pixel"], sets[epoch], sub_step, found)
            compared[epoch] += 1
    return compared


def load(config, digit_bits, rng, *, sets, restarts=0, pause=ALWAYS, beats=None):
    """Load ``sets`` sets, each begun anew ``restarts`` times, while pixels pass."""
    bench = Bench(config, digit_bits)
    geometry = bench.dut.geometry
    loaded = [random_weights(rng, config) for _ in range(sets)]
    items = []
    for weights in loaded:
        whole = set_of(weights)
        for _ in range(restarts):
            items += set_of(random_weights(rng, config))[: rng.randint(1, len(whole))][
                : len(whole) - 1
            ]
        items += whole
    words = len(geometry.words) * geometry.kernels.groups * config.layer.channels
    fill = words * (geometry.fill_cycles + geometry.hops + 2) * (1 + restarts) * 2
    beats = beats or (sets * fill + 40) // geometry.cycles + 20
    seen = bench.recorder()
    run_streams(
        bench,
        {"i": random_pixels(rng, config.layer, beats), "i_weight": items},
        outputs=(),
        pause=pause,
        testbenches=[seen.watch],
    )
    compared = check(bench.dut, seen.cycles, [model_weights(config), *loaded])
    # The first one may be gone before a product of it has come.
    assert all(compared[1:]), "a set was never looked up"
    return seen.cycles


@st.composite
def shapes(draw):
    kernels, channels = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    bits = draw(st.integers(4, 6))
    return make(
        kernels=kernels,
        channels=channels,
        kernel_shape=draw(st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 3)])),
        input_bits=bits,
        input_signed=draw(st.booleans()),
        weight_bits=draw(st.integers(4, 9)),
        seed=draw(st.integers(0, 999)),
        digit_bits=draw(st.integers(1, bits)),
        fold=(draw(st.integers(1, kernels)), draw(st.integers(1, channels))),
    )


@settings(max_examples=15)
@given(shape=shapes(), restarts=st.integers(0, 1), seed=st.integers(0, 999))
def test_every_product_of_the_set_that_is_active(shape, restarts, seed):
    load(*shape, random.Random(f"{seed} {pause_seed()}"), sets=1, restarts=restarts)


@pytest.mark.parametrize("pause", PAUSES)
def test_whatever_the_pace_of_pixels_and_weights(pause):
    shape = make(kernels=2, channels=2, kernel_shape=(1, 3), input_bits=4, digit_bits=2)
    load(*shape, random.Random(pause_seed()), sets=3, restarts=1, pause=pause, beats=900)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("digit_bits", [8, 4, 3])
def test_every_value_of_a_byte(digit_bits, signed):
    config, _ = make(kernels=2, channels=1, kernel_shape=(1, 2), input_signed=signed)
    rng = random.Random(pause_seed())
    bench = Bench(config, digit_bits)
    weights = random_weights(rng, config)
    limits = config.layer.input_format.range
    values = [[value] for value in range(limits.lo, limits.hi + 1)]
    fed = InTurn(bench, "i", "i_weight")
    seen = bench.recorder()
    steps = [*(("i", v) for v in values), *(("i_weight", w) for w in set_of(weights))]
    steps += [("i", [0])] * (4 * bench.dut.geometry.fill_cycles + 40)
    steps += [("i", v) for v in [*values, *values[: bench.dut.lead + 2]]]
    items = {"i": [fed.item(*step) for step in steps]}
    run_streams(fed, items, outputs=(), testbenches=[seen.watch])
    compared = check(bench.dut, seen.cycles, [model_weights(config), weights])
    assert min(compared) >= 256


@pytest.mark.parametrize("signed", [False, True])
def test_values_of_sixteen_bits(signed):
    config, _ = make(kernels=2, channels=2, input_bits=16, input_signed=signed, weight_bits=16)
    load(config, 5, random.Random(pause_seed()), sets=1)


def test_a_set_takes_the_fill_cycles_of_its_words():
    config, bits = make(kernels=3, channels=2, kernel_shape=(1, 3), input_bits=4)
    geometry = ProductGeometry(config, bits)
    cycles = load(config, bits, random.Random(pause_seed()), sets=1)
    taken = [n for n, cycle in enumerate(cycles) if cycle["take"]]
    (swap,) = [n for n, cycle in enumerate(cycles) if cycle["swap"]]
    words, size = len(geometry.words), len(geometry.words[0])
    waits = [later - earlier for earlier, later in pairwise(taken)]
    ends = [*geometry.words] * 2
    expected = [wait for w in ends for wait in [1] * (len(w) - 1) + [geometry.fill_cycles]]
    assert (words, size) == (5, 2)
    assert waits == expected[:-1]
    assert swap - taken[-1] <= geometry.fill_cycles + geometry.hops + 2


def test_a_reset_ends_a_set_under_way_and_keeps_the_active_one():
    config, bits = make(kernels=3, channels=2, kernel_shape=(1, 2), input_bits=4)
    rng = random.Random(pause_seed())
    first, cut, last = (random_weights(rng, config) for _ in range(3))
    bench = Bench(config, bits)
    fed = InTurn(bench, "i", "i_weight", "reset")
    seen = bench.recorder(reset=fed.reset)
    pixels = [("i", pixel) for pixel in random_pixels(rng, config.layer, 300)]
    steps = [*(("i_weight", w) for w in set_of(first)), *pixels]
    steps += [("i_weight", w) for w in set_of(cut)[:5]]
    steps += [("reset", None), *pixels, *(("i_weight", w) for w in set_of(last)), *pixels]
    items = {"i": [fed.item(*step) for step in steps]}
    run_streams(fed, items, outputs=(), testbenches=[seen.watch])
    # Of a set that a reset cut short nothing is seen; steps count anew from the reset.
    (at,) = [n for n, cycle in enumerate(seen.cycles) if cycle["reset"]]
    compared = [
        check(bench.dut, seen.cycles[:at], [model_weights(config), first]),
        check(bench.dut, seen.cycles[at + 1 :], [first, last]),
    ]
    assert compared[0][1]
    assert all(compared[1])
