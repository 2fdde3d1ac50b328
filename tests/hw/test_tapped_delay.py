"""TappedDelay against indexing, for any taps; and what a reset leaves."""

import random

import pytest
from amaranth.lib import data
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.tapped_delay import TappedDelay
from tests.hw.benches import InTurn
from tests.hw.streams import PAUSES, pause_seed, run_beats, run_streams

TAPS = st.lists(st.integers(0, 60), min_size=1, max_size=6)


def model(inputs, taps, before=None):
    return [[inputs[t - tap] if t >= tap else before for tap in taps] for t in range(len(inputs))]


def compare(actual, expected):
    assert len(actual) == len(expected)
    for n, (row, wanted) in enumerate(zip(actual, expected, strict=True)):
        for value, want in zip(row, wanted, strict=True):
            assert want is None or value == want, f"beat {n}"


@settings(max_examples=20)
@given(taps=TAPS, resettable=st.booleans(), pause=st.sampled_from(PAUSES), seed=st.integers(0, 999))
def test_shows_each_beat_as_often_as_it_has_taps(taps, resettable, pause, seed):
    rng = random.Random(f"{seed} {pause_seed()}")
    inputs = [rng.randrange(256) for _ in range(90)]
    compare(
        run_beats(TappedDelay(8, taps, resettable=resettable), inputs, 0, pause=pause),
        model(inputs, taps, 0 if resettable else None),
    )


@pytest.mark.parametrize("tap", [3, 4, 7, 8, 9, 63, 64, 65])
def test_a_long_gap_is_a_ring_of_any_length(tap):
    inputs = [n % 251 for n in range(3 * tap)]
    compare(run_beats(TappedDelay(8, [tap]), inputs, 0), model(inputs, [tap]))


def test_a_payload_may_be_a_structure():
    layout = data.StructLayout({"a": 3, "b": data.ArrayLayout(4, 2)})
    inputs = [{"a": n % 8, "b": [n % 16, 15 - n % 16]} for n in range(30)]
    compare(run_beats(TappedDelay(layout, [6, 1]), inputs, 0), model(inputs, [6, 1]))


@pytest.mark.parametrize("resettable", [False, True])
def test_only_a_resettable_line_is_cleared_by_a_reset(resettable):
    taps = [0, 1, 19]
    bench = InTurn(TappedDelay(8, taps, resettable=resettable), "i", "reset")
    inputs = list(range(1, 21))
    steps = [*(("i", n) for n in inputs), ("reset", None), *(("i", n) for n in inputs)]
    results = run_streams(bench, {"i": [bench.item(*step) for step in steps]})["o"]
    compare(results[: len(inputs)], model(inputs, taps, 0 if resettable else None))
    compare(results[len(inputs) :], model(inputs, taps, 0 if resettable else None))


@pytest.mark.parametrize("taps", [[], [-1, 2]])
def test_refuses_taps_that_are_no_delays(taps):
    with pytest.raises(ValueError, match="taps must be delays of 0 beats or more, not"):
        TappedDelay(8, taps)
