"""WeightPort: whole sets from either source, everything else refused, and nothing while one waits.

One model of the rules, fed with the words in the order in which the port took them; then each rule
on its own.
"""

import random

import pytest
from amaranth.hdl import Elaboratable, Module, Signal
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.weight_port import WeightPort
from tests.hw.benches import InTurn, Recorder
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)
SWAP, CLEAR = ("swap", None), ("clear", None)


class Model:
    """What must be handed on of the words that were taken, and whether something was refused."""

    def __init__(self, config):
        channels, products = config.layer.channels, len(config.learned) * config.layer.taps
        stride = 1 << (products - 1).bit_length()
        self.order = [c * stride + p for c in range(channels) for p in range(products)]
        self.handed_on = []
        self.source, self.count = None, 0
        self.skip = self.pending = self.refused = False

    def _hand_on(self, source, weight, *, first, last):
        self.handed_on.append({"weight": weight, "first": int(first), "last": int(last)})
        self.source, self.count = source, 1 if first else self.count + 1
        if last:
            self.source, self.pending = None, True

    def word(self, weight, last):
        """A word of the stream."""
        if self.skip:
            self.skip = not last
            return
        first = self.source is None
        final = (0 if first else self.count) == len(self.order) - 1
        self._hand_on("i", weight, first=first, last=last and final)
        if bool(last) != final:
            self.source, self.refused, self.skip = None, True, not last

    def write(self, index, weight):
        """A word of the window."""
        turn = self.source == "i_write" and index == self.order[self.count]
        if index and not turn:
            self.refused = True
            self.source = None if self.source == "i_write" else self.source
            return
        if index == 0 and self.source is not None:
            self.refused = True
            self.skip |= self.source == "i"
        self._hand_on("i_write", weight, first=index == 0, last=index == self.order[-1])

    def step(self, name, payload):
        """A word of either source, "swap" or "clear"."""
        match name:
            case "i":
                self.word(**payload)
            case "i_write":
                self.write(**payload)
            case "swap":
                self.pending = False
            case "clear":
                self.refused = False


def make(*, kernels=2, channels=2, kernel_shape=(1, 3), weight_bits=5):
    layer = make_layer(
        kernels=kernels, channels=channels, kernel_shape=kernel_shape, weight_bits=weight_bits
    )
    return make_config(layer)


def weights_of(rng, config, count=None):
    limits = config.layer.weight_format.range
    size = len(Model(config).order)
    return [rng.randint(limits.lo, limits.hi) for _ in range(size if count is None else count)]


def streamed(weights, *, last=True):
    """A set as the stream brings it."""
    return [
        ("i", {"weight": w, "last": int(last and n == len(weights) - 1)})
        for n, w in enumerate(weights)
    ]


def written(config, weights):
    """A set, or the beginning of one, as the window brings it."""
    pairs = zip(Model(config).order, weights, strict=False)
    return [("i_write", {"index": index, "weight": w}) for index, w in pairs]


def check(config, steps, *, pause=ALWAYS):
    """Take ``steps`` in turn; everything must be as the model has it. Returns the model."""
    model, dut = Model(config), WeightPort(config)
    bench = InTurn(dut, "i", "i_write", "swap", "clear", "reset")
    seen = Recorder(pending=dut.pending, refused=dut.refused)
    found = run_streams(
        bench,
        {"i": [bench.item(*step) for step in steps]},
        pause=pause,
        testbenches=[seen.watch],
    )["o"]
    for step in steps:
        model.step(*step)
    assert found == model.handed_on
    assert seen.cycles[-1] == {"pending": model.pending, "refused": model.refused}
    return model


def complete_sets(model):
    """The sets that were handed on whole, and no other's last word."""
    sets, words = [], []
    for word in model.handed_on:
        words = [word["weight"]] if word["first"] else [*words, word["weight"]]
        if word["last"]:
            sets.append(words)
    return sets


@st.composite
def scripts(draw):
    """Words, whole sets and wrong ones, from both sources, in any order that can end."""
    config = make(
        kernels=draw(st.integers(1, 3)),
        channels=draw(st.integers(1, 3)),
        kernel_shape=draw(st.sampled_from([(1, 1), (1, 2), (2, 2)])),
    )
    rng = random.Random(f"{draw(st.integers(0, 9999))} {pause_seed()}")
    size = len(Model(config).order)
    model, steps = Model(config), []
    for _ in range(draw(st.integers(1, 12))):
        weights = weights_of(rng, config, rng.choice([size, rng.randint(1, size + 3)]))
        pieces = [
            streamed(weights),
            streamed(weights, last=False)[: rng.randint(1, size)],
            written(config, weights),
            [("i_write", {"index": rng.choice(model.order), "weight": weights[0]})],
            [CLEAR],
        ]
        for step in rng.choice(pieces):
            blocked = step[0] == "i" and model.source == "i_write"  # it would wait for ever
            if model.pending and not (model.skip and step[0] == "i"):
                steps.append(SWAP)
                model.step(*SWAP)
            if not blocked:
                steps.append(step)
                model.step(*step)
    return config, steps


@settings(max_examples=60)
@given(script=scripts(), pause=st.sampled_from(PAUSES))
def test_is_the_model(script, pause):
    check(*script, pause=pause)


class Swapped(Elaboratable):
    """A port whose sets are swapped in some cycles after they are complete, as an engine does."""

    def __init__(self, config, delay):
        self.port = WeightPort(config)
        self.delay = delay
        self.i, self.i_write, self.o = self.port.i, self.port.i_write, self.port.o

    def elaborate(self, _platform):
        m = Module()
        m.submodules.port = self.port
        waited = Signal(range(self.delay + 1))
        m.d.comb += self.port.swap.eq(self.port.pending & (waited == self.delay))
        with m.If(self.port.pending & ~self.port.swap):
            m.d.sync += waited.eq(waited + 1)
        with m.Else():
            m.d.sync += waited.eq(0)
        return m


@settings(max_examples=40)
@given(
    pause=st.sampled_from(PAUSES),
    delay=st.sampled_from([0, 1, 30]),
    seed=st.integers(0, 999),
)
def test_both_sources_at_once(pause, delay, seed):
    """Whoever goes first: what is handed on is the model's for the order of the transfers."""
    rng = random.Random(f"{seed} {pause_seed()}")
    config = make()
    size = len(Model(config).order)
    words, writes = [], []
    for _ in range(5):
        words += streamed(weights_of(rng, config, rng.choice([size, size, 3, size + 2])))
        writes += written(config, weights_of(rng, config, rng.choice([size, 2])))
        writes += [("i_write", {"index": rng.choice([1, 5, 8]), "weight": 0})]
    writes += written(config, weights_of(rng, config))  # leave the stream no set to wait for
    dut = Swapped(config, delay)
    seen = Recorder(
        word=dut.i.valid & dut.i.ready,
        write=dut.i_write.valid & dut.i_write.ready,
        i=dut.i.payload,
        i_write=dut.i_write.payload,
        refused=dut.port.refused,
    )
    inputs = {"i": [p for _, p in words], "i_write": [p for _, p in writes]}
    found = run_streams(dut, inputs, pause=pause, testbenches=[seen.watch])["o"]
    model = Model(config)
    for cycle in seen.cycles:
        if cycle["word"]:
            model.step("i", cycle["i"])
        if cycle["write"]:
            model.step("i_write", cycle["i_write"])
    assert found == model.handed_on
    assert seen.cycles[-1]["refused"] == model.refused


def test_a_set_from_either_source_is_complete():
    rng = random.Random(pause_seed())
    config = make()
    a, b, c = (weights_of(rng, config) for _ in range(3))
    steps = [*streamed(a), SWAP, *written(config, b), SWAP, *streamed(c)]
    model = check(config, steps)
    assert complete_sets(model) == [a, b, c]
    assert not model.refused


def test_rows_of_the_window_are_as_far_apart_as_their_addresses():
    rng = random.Random(pause_seed())
    config = make(kernels=3, channels=3, kernel_shape=(1, 3))  # 9 products: rows of 16 words
    weights = weights_of(rng, config)
    assert Model(config).order[9] == 16
    assert complete_sets(check(config, written(config, weights))) == [weights]
    without_gap = [("i_write", {"index": n, "weight": 0}) for n in range(27)]
    assert not complete_sets(check(config, without_gap))


@pytest.mark.parametrize("length", [1, 5, 11, 13, 30])
def test_a_stream_that_is_too_short_or_too_long_is_refused(length):
    rng = random.Random(pause_seed())
    config = make()
    good = weights_of(rng, config)
    wrong = streamed(weights_of(rng, config, length))
    model = check(config, [*wrong, *streamed(good)])
    assert complete_sets(model) == [good]
    assert model.refused
    assert not check(config, [*wrong, CLEAR, *streamed(good)]).refused


@pytest.mark.parametrize("begun", [1, 6, 11])
@pytest.mark.parametrize("index", [1, 6, 7, 8, 13])
def test_a_word_of_the_window_out_of_turn_drops_its_set(begun, index):
    rng = random.Random(pause_seed())
    config = make()
    order = Model(config).order
    assert order == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]
    if order[begun] == index:
        pytest.skip("its turn")
    old, new = weights_of(rng, config), weights_of(rng, config)
    wrong = ("i_write", {"index": index, "weight": 3})
    rest = written(config, old)[begun:]
    model = check(config, [*written(config, old)[:begun], wrong, *rest])
    assert not complete_sets(model)
    assert model.refused
    model = check(config, [*written(config, old)[:begun], wrong, *streamed(new)])
    assert complete_sets(model) == [new]


def test_a_word_out_of_turn_leaves_the_stream_alone():
    rng = random.Random(pause_seed())
    config = make()
    weights = weights_of(rng, config)
    words = streamed(weights)
    model = check(config, [*words[:5], ("i_write", {"index": 5, "weight": 1}), *words[5:]])
    assert complete_sets(model) == [weights]
    assert model.refused


@pytest.mark.parametrize("begun", [1, 11])
def test_the_window_takes_over_from_the_stream(begun):
    """The rest of the stream's set is dropped up to its last, however long it is."""
    rng = random.Random(pause_seed())
    config = make()
    old, new, next_one = (weights_of(rng, config) for _ in range(3))
    for surplus in (0, 20):
        rest = streamed([*old, *old, *old][: len(old) + surplus])
        steps = [*rest[:begun], *written(config, new), SWAP, *rest[begun:], *streamed(next_one)]
        model = check(config, steps)
        assert complete_sets(model) == [new, next_one]
        assert model.refused


def test_the_window_begins_anew():
    rng = random.Random(pause_seed())
    config = make()
    old, new = weights_of(rng, config), weights_of(rng, config)
    model = check(config, [*written(config, old)[:7], *written(config, new)])
    assert complete_sets(model) == [new]
    assert model.refused


@pytest.mark.parametrize("source", ["i", "i_write"])
def test_while_a_set_waits_for_its_swap_nothing_is_taken(source):
    rng = random.Random(pause_seed())
    config = make()
    dut = WeightPort(config)
    names = {"i": streamed, "i_write": lambda weights: written(config, weights)}
    words = [p for _ in range(2) for _, p in names[source](weights_of(rng, config))]
    count = len(words) // 2
    taken = []

    async def watch(ctx):
        port = getattr(dut, source)
        while True:
            _, _, move, pending = await ctx.tick().sample(port.valid & port.ready, dut.pending)
            taken.extend([pending] * move)

    with pytest.raises(AssertionError, match=f"no transfer .* left at the inputs .*{count}"):
        run_streams(dut, {source: words}, patience=200, testbenches=[watch])
    assert taken == [0] * count


def test_the_stream_waits_for_a_set_of_the_window():
    rng = random.Random(pause_seed())
    config = make()
    steps = [*written(config, weights_of(rng, config))[:4], *streamed(weights_of(rng, config))]
    with pytest.raises(AssertionError, match="no transfer"):
        check(config, steps)


def test_a_reset_drops_what_was_under_way():
    rng = random.Random(pause_seed())
    config = make()
    weights = weights_of(rng, config)
    for under_way in (streamed(weights)[:5], written(config, weights)[:5], streamed(weights)):
        dut = WeightPort(config)
        bench = InTurn(dut, "i", "i_write", "swap", "clear", "reset")
        seen = Recorder(pending=dut.pending, refused=dut.refused)
        steps = [*streamed([1, 2]), *under_way, ("reset", None), *streamed(weights)]
        inputs = [bench.item(*step) for step in steps]
        found = run_streams(bench, {"i": inputs}, testbenches=[seen.watch])["o"]
        ours = found[-len(weights) :]
        assert [word["weight"] for word in ours] == weights
        assert [word["first"] for word in ours] == [1] + [0] * (len(weights) - 1)
        assert seen.cycles[-1] == {"pending": 1, "refused": 0}
