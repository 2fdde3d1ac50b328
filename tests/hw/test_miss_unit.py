"""MissUnit: every product of every request, in its group and in its cycle."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.miss_unit import MissUnit, TableGeometry
from tests.hw.benches import InTurn, Recorder
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


def geometry_of(*, multipliers=4, **layer):
    return TableGeometry(make_config(make_layer(**layer), multipliers=multipliers))


def random_weights(rng, geometry):
    """Of the whole address space, what no product uses included."""
    half = 1 << (geometry.weight_shape.width - 1)
    return [rng.randrange(-half, half) for _ in range(geometry.channels * geometry.stride)]


def random_requests(rng, geometry, count):
    shape = geometry.key_shape
    low = -(1 << (shape.width - 1)) if shape.signed else 0
    return [
        {
            "channel": rng.randrange(geometry.channels),
            "entry": rng.randrange(geometry.entries),
            "key": low + rng.getrandbits(shape.width),
        }
        for _ in range(count)
    ]


def load(geometry, weights, length=None):
    """Steps that load a set, or the first ``length`` words of it, as the contract has them."""
    rows = range(0, geometry.channels * geometry.stride, geometry.stride)
    words = [weight for row in rows for weight in weights[row:][: geometry.products]]
    marks = [{"first": not n, "last": n == len(words) - 1} for n in range(len(words))]
    payloads = [{"weight": word, **mark} for word, mark in zip(words, marks, strict=True)]
    return [("i_weight", payload) for payload in payloads[:length]]


def check(geometry, weights, requests, *, initial=None, before=(), pause=ALWAYS):
    """Compare all that comes out, after the steps that come ``before``."""
    dut = MissUnit(geometry, weights if initial is None else initial)
    bench = InTurn(dut, "i", "i_weight", "swap", "reset")
    inputs = [bench.item(*step) for step in before]
    inputs += [bench.item("i", request) for request in requests]
    after = bench.item("i_weight", {"weight": 0, "first": 1, "last": 0})
    inputs += [after] * dut.LATENCY
    seen = Recorder(
        asked=dut.i.valid,
        answered=dut.i.ready,
        valid=dut.o.valid,
        payload=dut.o.payload,
        busy=dut.busy,
    )
    run_streams(bench, {"i": inputs}, (), pause=pause, testbenches=[seen.watch])
    asked = [n for n, cycle in enumerate(seen.cycles) if cycle["asked"]]
    given = [n for n, cycle in enumerate(seen.cycles) if cycle["valid"]]
    assert given == [n + dut.LATENCY for n in asked]
    assert {n for n, cycle in enumerate(seen.cycles) if cycle["busy"]} == {
        n + stage for n in asked for stage in range(dut.LATENCY + 1)
    }
    answered = [seen.cycles[n]["answered"] for n in asked]
    assert answered == ([0] * (geometry.groups - 1) + [1]) * len(requests)
    results = [seen.cycles[n]["payload"] for n in given]
    for n, request in enumerate(requests):
        answers = results[n * geometry.groups : (n + 1) * geometry.groups]
        assert [answer["group"] for answer in answers] == list(range(geometry.groups))
        assert [answer["last"] for answer in answers] == [0] * (geometry.groups - 1) + [1]
        assert {answer["channel"] for answer in answers} == {request["channel"]}
        assert {answer["entry"] for answer in answers} == {request["entry"]}
        products = [x for answer in answers for x in answer["products"]][: geometry.products]
        first = request["channel"] * geometry.stride
        assert products == [w * request["key"] for w in weights[first:][: geometry.products]]


@settings(max_examples=25)
@given(
    kernels=st.integers(1, 4),
    channels=st.integers(1, 4),
    kernel_shape=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    multipliers=st.sampled_from([1, 2, 4, 16, 64]),
    input_signed=st.booleans(),
    pause=st.sampled_from(PAUSES),
    seed=st.integers(0, 999),
)
def test_multiplies_every_weight(pause, seed, **shape):
    rng = random.Random(f"{seed} {pause_seed()}")
    geometry = geometry_of(frame=(3, 3), **shape)
    requests = random_requests(rng, geometry, 8)
    check(geometry, random_weights(rng, geometry), requests, pause=pause)


@settings(max_examples=10)
@given(
    kernels=st.integers(1, 3),
    channels=st.integers(1, 3),
    kernel_shape=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    multipliers=st.sampled_from([1, 4, 64]),
    seed=st.integers(0, 999),
)
def test_a_set_counts_from_its_swap(seed, **shape):
    """However often it is begun anew, and whatever is computed meanwhile with the other."""
    rng = random.Random(f"{seed} {pause_seed()}")
    geometry = geometry_of(frame=(3, 3), **shape)
    old, new = random_weights(rng, geometry), random_weights(rng, geometry)
    size = geometry.channels * geometry.products
    begun = [
        step
        for _ in range(rng.randrange(3))
        for step in load(geometry, random_weights(rng, geometry), rng.randint(1, size))
    ]
    whole = load(geometry, new)
    requests = random_requests(rng, geometry, 4)
    check(geometry, old, requests, before=[*begun, *whole])
    check(geometry, new, requests, initial=old, before=[*begun, *whole, ("swap", None)])


def test_both_sets_are_there_after_a_swap_and_a_reset_keeps_them():
    rng = random.Random(pause_seed())
    geometry = geometry_of(channels=3, kernel_shape=(1, 3), multipliers=2)
    old, new = random_weights(rng, geometry), random_weights(rng, geometry)
    requests = random_requests(rng, geometry, 4)
    swapped = [*load(geometry, new), ("swap", None)]
    check(geometry, new, requests, initial=old, before=[*swapped, ("reset", None)])
    back = [*swapped, ("reset", None), ("swap", None)]
    check(geometry, old, requests, initial=old, before=back)


@pytest.mark.parametrize(
    ("shape", "multipliers", "lanes", "groups", "last"),
    [
        ({}, 8, 1, 1, 1),
        ({"kernel_shape": (1, 3)}, 8, 4, 1, 3),
        ({"kernel_shape": (1, 3)}, 1, 1, 3, 1),
        ({"kernels": 7, "kernel_shape": (3, 3)}, 8, 8, 8, 7),
        ({"kernels": 2, "kernel_shape": (2, 2)}, 4, 4, 2, 4),
    ],
)
def test_shares_the_multipliers_among_the_products(shape, multipliers, lanes, groups, last):
    geometry = geometry_of(multipliers=multipliers, **shape)
    assert (geometry.lanes, geometry.groups) == (lanes, groups)
    assert geometry.lanes_of(groups - 1) == last
    assert geometry.fill_cycles == groups + 3
    rng = random.Random(pause_seed())
    check(geometry, random_weights(rng, geometry), random_requests(rng, geometry, 4))
