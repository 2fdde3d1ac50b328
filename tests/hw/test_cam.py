"""Cam against a first-in-first-out list, with a bench around it that remembers on a miss."""

import random

import pytest
from amaranth.hdl import Elaboratable, Module, Signal, signed, unsigned
from amaranth.lib import data, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.cam import Cam
from tests.hw.streams import PAUSES, Pause, pause_seed, run_beats

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


class Remembering(Elaboratable):
    """Look keys up; hold one that misses for the cycle that it takes to remember it, if asked to.

    ``flush`` comes with a key, and forgets all others before any is remembered again.
    """

    def __init__(self, cam):
        self.cam = cam
        asked = data.StructLayout({"key": cam.shape, "remember": 1, "flush": 1})
        found = data.StructLayout({"missed": 1, "found": cam.o.payload.shape()})
        self.i = stream.Signature(asked).create(path=("i",))
        self.o = stream.Signature(found).create(path=("o",))

    def elaborate(self, _platform):
        m = Module()
        m.submodules.cam = cam = self.cam
        step, compared, remember, missed = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            cam.insert.eq(remember & ~cam.o.payload.hit),
            cam.flush.eq(step & self.i.payload.flush),
            cam.i.payload.eq(self.i.payload.key),
            cam.i.valid.eq(self.i.valid & ~cam.insert),
            cam.o.ready.eq(self.o.ready & ~cam.insert),
            self.o.valid.eq(cam.o.valid & ~cam.insert),
            self.i.ready.eq(cam.i.ready & ~cam.insert),
            step.eq(self.i.valid & self.i.ready),
            self.o.payload.missed.eq(missed | ~cam.o.payload.hit),
            self.o.payload.found.eq(cam.o.payload),
        ]
        with m.If(step):
            m.d.sync += [compared.eq(self.i.payload.remember), remember.eq(compared), missed.eq(0)]
        with m.If(cam.insert):
            m.d.sync += missed.eq(1)
        return m


def model(entries, steps):
    """What each key finds: slots are used in turn, and a flush does not change whose turn it is."""
    slots, turn = [None] * entries, 0
    results = []
    new = []
    for step in steps:
        key = step["key"]
        if step["flush"]:
            slots = [None] * entries
        for remembered in new:  # the key before is remembered when this one has come
            slots[turn] = remembered
            turn = (turn + 1) % entries
        missed = key not in slots
        index = 0 if missed else slots.index(key)
        new = [key] if missed and step["remember"] else []
        if new:
            index = turn
        hit = int(not missed or step["remember"])
        found = {"key": key, "hit": hit, "index": index}
        results.append({"missed": int(missed), "found": found})
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


def check(shape, entries, steps, pause=ALWAYS):
    cam = Cam(shape, entries)
    idle = {"key": 0, "remember": 0, "flush": 0}
    results = run_beats(Remembering(cam), steps, cam.latency, pause=pause, flush=idle)
    assert results == model(entries, steps)


@settings(max_examples=15)
@given(
    entries=st.integers(1, 9),
    shape=st.sampled_from([unsigned(4), signed(4), unsigned(8)]),
    pause=st.sampled_from(PAUSES),
    seed=st.integers(0, 999),
)
def test_finds_what_a_list_finds(entries, shape, pause, seed):
    rng = random.Random(f"{seed} {pause_seed()}")
    first = -8 if shape.signed else 0
    keys = rng.sample(range(first, first + 16), min(entries + 2, 11))
    check(shape, entries, random_steps(rng, keys, 60), pause)


@pytest.mark.parametrize("pause", PAUSES)
def test_holds_keys_under_back_pressure(pause):
    check(unsigned(5), 5, random_steps(random.Random(pause_seed()), range(8), 60), pause)


def test_256_entries():
    rng = random.Random(pause_seed())
    steps = [{"key": key, "remember": 1, "flush": 0} for key in rng.sample(range(512), 300)]
    steps += random_steps(rng, range(512), 300, flush=0.003)
    check(unsigned(9), 256, steps)


def test_refuses_no_entries():
    with pytest.raises(ValueError, match="entries must be at least 1, not 0"):
        Cam(unsigned(8), 0)
