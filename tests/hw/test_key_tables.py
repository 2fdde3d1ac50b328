"""Every organisation of a lookup table behind its contract, and every replacement.

The model has slots and the golden policies; the bench around the table remembers on a miss.
"""

import random

import pytest
from amaranth.hdl import Elaboratable, Module, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.organisations import KEY_TABLES, make_key_table
from hw.blocks.replacement import Replacement
from hw.protection import Guard
from sw.part_configs import ORGANISATIONS, REPLACEMENTS, TableConfig
from sw.tables import make_policy
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_beats

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)
GUARD = Guard(make_config(make_layer(), protection="parity"))


class Remembering(Elaboratable):
    """Look keys up; hold one that misses while it is remembered, if asked to.

    Only a key that is to be remembered counts as used. ``flush`` comes with a key.
    """

    def __init__(self, table):
        self.table = table
        asked = data.StructLayout({"key": table.shape, "remember": 1, "flush": 1})
        found = data.StructLayout({"missed": 1, "found": table.o.payload.shape()})
        self.i = stream.Signature(asked).create(path=("i",))
        self.o = stream.Signature(found).create(path=("o",))

    def elaborate(self, _platform):
        m = Module()
        m.submodules.table = table = self.table
        step, hold, begun, missed = Signal(), Signal(), Signal(), Signal()
        marks = [Signal(name=f"remember_{n}") for n in range(table.latency)]
        remember = marks[-1]
        m.d.comb += [
            hold.eq(remember & ~table.o.payload.hit),
            table.insert.eq(hold & ~begun),
            table.used.eq(step & remember),
            table.flush.eq(step & self.i.payload.flush),
            table.i.payload.eq(self.i.payload.key),
            table.i.valid.eq(self.i.valid & ~hold),
            table.o.ready.eq(self.o.ready & ~hold),
            self.o.valid.eq(table.o.valid & ~hold),
            self.i.ready.eq(table.i.ready & ~hold),
            step.eq(self.i.valid & self.i.ready),
            self.o.payload.missed.eq(missed | ~table.o.payload.hit),
            self.o.payload.found.eq(table.o.payload),
        ]
        with m.If(step):
            m.d.sync += missed.eq(0)
            for mark, before in zip(marks, [self.i.payload.remember, *marks], strict=False):
                m.d.sync += mark.eq(before)
        m.d.sync += begun.eq(hold)
        with m.If(hold):
            m.d.sync += missed.eq(1)
        return m


class Model:
    """Slots by number: way * sets + set."""

    def __init__(self, config):
        self.config = config
        self.flush()

    def flush(self):
        self.policy = make_policy(self.config)
        self.slots = [None] * self.config.entries

    def find(self, key):
        slots = range(key % self.config.sets, self.config.entries, self.config.sets)
        return next((slot for slot in slots if self.slots[slot] == key), None)

    def put(self, key):
        which = key % self.config.sets
        slot = self.policy.replaced(which) * self.config.sets + which
        self.slots[slot] = key
        return slot

    def used(self, slot):
        way, which = divmod(slot, self.config.sets)
        self.policy.used(which, way)


def expected(config, latency, steps):
    """What each key finds. A flush meets the keys that are not shown yet.

    It comes when the key ``latency - 1`` before it has been found or not, but not put anywhere.
    """
    model = Model(config)
    results = []
    for n, step in enumerate(steps):
        key = step["key"]
        slot = model.find(key)
        missed = slot is None
        later = steps[n + latency - 1 : n + latency]
        if later and later[0]["flush"]:
            model.flush()
        if step["remember"]:
            slot = model.put(key) if missed else slot
            model.used(slot)
        results.append({"missed": int(missed), "key": key, "index": slot})
    return results


def random_steps(rng, keys, count, *, flush=0.03):
    return [
        {
            "key": rng.choice(keys),
            "remember": int(rng.random() < 0.8),
            "flush": int(rng.random() < flush),
        }
        for _ in range(count)
    ]


def check(shape, config, steps, pause=ALWAYS, guard=None):
    table = make_key_table(shape, config, guard)
    idle = {"key": 0, "remember": 0, "flush": 0}
    results = run_beats(Remembering(table), steps, table.latency, pause=pause, flush=idle)
    for n, (result, wanted) in enumerate(
        zip(results, expected(config, table.latency, steps), strict=True)
    ):
        found = result["found"]
        assert result["missed"] == wanted["missed"], n
        assert found["key"] == wanted["key"], n
        assert found["hit"] == (wanted["index"] is not None), n
        assert found["index"] == wanted["index"] or not found["hit"], n


@st.composite
def configs(draw):
    """Tables of up to 16 entries."""
    organisation = draw(st.sampled_from(ORGANISATIONS))
    replacement = draw(st.sampled_from(REPLACEMENTS))
    any_count = [1, 2, 4, 8] if replacement in ("plru", "random") else range(1, 9)
    ways = draw(st.sampled_from(list(any_count)))
    sets = draw(st.sampled_from([1, 2, 8])) if organisation == "set_associative" else 1
    return TableConfig(
        organisation=organisation, replacement=replacement, ways=ways, entries=ways * sets
    )


def test_the_names_are_those_of_the_configuration():
    assert tuple(KEY_TABLES) == ORGANISATIONS


@settings(max_examples=60)
@given(
    config=configs(),
    shape=st.sampled_from([unsigned(4), signed(4), unsigned(8), unsigned(11)]),
    pause=st.sampled_from(PAUSES),
    guard=st.sampled_from([None, GUARD]),
    seed=st.integers(0, 999),
)
def test_finds_what_the_model_finds(config, shape, pause, guard, seed):
    rng = random.Random(f"{seed} {pause_seed()}")
    first, last = (-8, 7) if shape.signed else (0, (1 << shape.width) - 1)
    keys = rng.sample(range(first, last + 1), min(config.entries + 3, 16))
    check(shape, config, random_steps(rng, keys, 60), pause, guard)


@pytest.mark.parametrize("organisation", ORGANISATIONS)
@pytest.mark.parametrize("pause", PAUSES)
def test_holds_keys_under_back_pressure(organisation, pause):
    config = TableConfig(organisation=organisation, entries=8, ways=2, replacement="plru")
    rng = random.Random(pause_seed())
    check(unsigned(5), config, random_steps(rng, range(12), 60), pause)


@pytest.mark.parametrize("organisation", ORGANISATIONS)
def test_256_entries(organisation):
    rng = random.Random(pause_seed())
    steps = [{"key": key, "remember": 1, "flush": 0} for key in rng.sample(range(512), 300)]
    steps += random_steps(rng, range(512), 300, flush=0.003)
    check(unsigned(9), TableConfig(organisation=organisation, entries=256), steps)


def test_a_set_for_every_value_has_no_tags():
    config = TableConfig(organisation="set_associative", entries=32, ways=2)
    rng = random.Random(pause_seed())
    check(unsigned(4), config, random_steps(rng, range(16), 200))


@pytest.mark.parametrize("replacement", REPLACEMENTS)
@pytest.mark.parametrize(("sets", "ways"), [(1, 16), (8, 4), (4, 2), (1, 2), (2, 1)])
def test_the_replacement_is_the_golden_models(replacement, sets, ways):
    rng = random.Random(pause_seed())
    config = TableConfig(
        organisation="set_associative", replacement=replacement, entries=sets * ways, ways=ways
    )
    dut = Replacement(replacement, sets, ways)

    async def bench(ctx):
        model = make_policy(config)
        for _ in range(600):
            which, way = rng.randrange(sets), rng.randrange(ways)
            action = rng.choice(["used"] * 10 + ["replaced"] * 10 + ["flush", "nothing"])
            for name in ("used", "replaced", "flush"):
                ctx.set(getattr(dut, name), name == action)
            ctx.set(dut.which, which)
            ctx.set(dut.way, way)
            victim = ctx.get(dut.victim)
            match action:
                case "used":
                    model.used(which, way)
                case "replaced":
                    assert victim == model.replaced(which)
                case "flush":
                    model = make_policy(config)
            await ctx.tick()

    top = Module()
    top.submodules.dut = dut
    top.d.sync += Signal().eq(0)  # a single way has no state, and so no clock of its own
    simulator = Simulator(top)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
