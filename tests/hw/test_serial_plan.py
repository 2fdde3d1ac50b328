"""The program of the serial bank: its schedule, its addresses, and its sums, without gates."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import hw.serial_plan
from hw.bank_network import Addition, Term
from hw.serial_plan import plan_serial
from hw.serial_schedule import LATE_ROWS, READ_AFTER_WRITE, SHOWN_AFTER, schedule_serial
from sw.config_error import ConfigError
from sw.templates import hlac25
from tests.hw.test_bank_plan import config_of, in_channels, window_sums
from tests.hw.test_template_bank import NAMES, banks

__all__ = ["serial_configs"]


@st.composite
def serial_configs(draw):
    """Banks of few kernels: ternary or two-valued, one or several magnitudes, signed or not."""
    seed = draw(st.integers(0, 999))
    shape = [draw(st.integers(1, most)) for most in (5, 3, 3, 3)]
    random = np.random.default_rng(seed)
    patterns = random.choice(draw(st.sampled_from([(-1, 1), (-1, 0, 1), (0, 0, 1)])), shape)
    assume((np.abs(patterns).sum((1, 2, 3)) > 1).any())
    magnitudes = random.integers(1, draw(st.sampled_from([2, 150])), (shape[0], 1, 1, 1))
    return config_of(
        patterns * magnitudes,
        width=shape[3] + draw(st.integers(0, 9)),
        bits=draw(st.integers(4, 8)),
        signed=draw(st.booleans()),
        scale=draw(st.sampled_from(["multiply", "defer"])),
    )


def beats_for(config, length):
    limits = config.layer.input_format.range
    beats = np.random.default_rng(5).integers(
        limits.lo, limits.hi + 1, (config.layer.channels, length)
    )
    beats[:, length // 2 :] = np.where(beats[:, length // 2 :] % 2, limits.lo, limits.hi)
    return beats


def check(config):
    plan = plan_serial(config)
    beats = beats_for(config, 90)
    shown = plan.evaluate(beats)
    expected = window_sums(config, beats)
    assert (shown[:, plan.latency :] == expected[:, : 90 - plan.latency]).all()
    assert plan.latency >= 1
    check_pipeline(plan)
    return plan


def check_pipeline(plan):
    """What the RTL's stages ask of a program."""
    for row, step in enumerate(plan.steps):
        if step is None:
            continue
        last = SHOWN_AFTER if step.shown or step.channel is not None else LATE_ROWS + 1
        assert row <= plan.cycles - last
        if step.channel is None:
            for earlier in plan.steps[max(0, row + 1 - READ_AFTER_WRITE) : row]:
                assert earlier is None or earlier.target not in (step.a, step.b)
            assert max(step.a, step.b) < plan.words
    targets = [s.target for s in plan.steps if s is not None and s.target is not None]
    assert len(set(targets)) == len(targets)


@pytest.mark.parametrize("config", list(banks()), ids=NAMES)
def test_sums_are_plain_sums(config):
    check(config)


@settings(max_examples=60)
@given(config=serial_configs())
def test_any_bank_is_planned_exactly(config):
    check(config)


@pytest.mark.parametrize("field", ["a", "b", "target", "negative"])
def test_fault_one_wrong_step_is_seen(field):
    config = config_of(in_channels(hlac25(), 2), width=8)
    plan = plan_serial(config)
    row = next(n for n, s in enumerate(plan.steps) if s and s.target and s.b and s.a != s.b)
    step = plan.steps[row]
    assert step is not None
    value = getattr(step, field)
    wrong = replace(step, **{field: not value if field == "negative" else value + 1})
    steps = (*plan.steps[:row], wrong, *plan.steps[row + 1 :])
    beats = beats_for(config, 90)
    assert (replace(plan, steps=steps).evaluate(beats) != plan.evaluate(beats)).any()


def test_the_paper_bank_takes_a_row_an_addition_and_few_more():
    """35 additions, 6 doublings, 3 pixels; and the rows that the adder's pipeline is long."""
    plan = plan_serial(config_of(in_channels(hlac25(), 3) * 148, width=32))
    assert sum(step is not None for step in plan.steps) == 44
    assert plan.cycles <= 48
    assert plan.words <= 256
    assert plan.adders == 1


def test_kernels_that_are_one_another_later_or_larger():
    """One line shown at several times, and scaled: copies where the time differs."""
    patterns = np.zeros((5, 1, 2, 2), np.int64)
    patterns[0, 0, 1] = 1
    patterns[1, 0, 0] = 4
    patterns[2, 0, :, 0] = patterns[3, 0, :, 1] = 3
    patterns[4, 0, 0] = patterns[4, 0, 1, 1] = -1
    check(config_of(patterns, width=6))


def test_a_long_history_is_refused(monkeypatch):
    monkeypatch.setattr(hw.serial_plan, "MAX_WORDS", 40)
    with pytest.raises(ConfigError, match=r"test: bank = serial keeps \d+ words .*parallel"):
        plan_serial(config_of(in_channels(hlac25(), 1), width=30))


def test_additions_one_after_the_other_wait_for_the_pipeline():
    """A chain within a beat, all of it shown: the distance is that of a write and its read."""
    chain = [Addition(Term(max(0, n)), Term(0, delay=n + 2)) for n in range(4)]
    made = schedule_serial(1, chain, dict.fromkeys(range(1, 5), 0))
    beats, rows = zip(*(made.place(line) for line in range(1, 5)), strict=True)
    assert set(beats) == {0}
    assert all(later - earlier >= READ_AFTER_WRITE for earlier, later in pairwise(rows))


def test_older_operands_fill_the_rows_of_earlier_beats():
    """Nothing but the end of a chain is shown, so no row stays empty for it."""
    chain = [Addition(Term(0), Term(0, delay=1))]
    chain += [Addition(Term(n), Term(0)) for n in range(1, 30)]
    made = schedule_serial(1, chain, {30: 0})
    assert made.cycles <= 30 + 1 + LATE_ROWS + 2
    assert made.latency > 1
    rows = [made.place(line)[1] for line in made.times]
    assert len(set(rows)) == len(rows)
