"""Cycles a frame, foretold, against those of the datapath in simulation."""

import numpy as np
import pytest

from hw.datapath import Datapath
from hw.pace import Pace, cycles_per_frame
from sw.part_configs import FoldConfig
from tests.hw.datapaths import check
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import pause_seed

SHAPE = {"kernels": 3, "channels": 2, "kernel_shape": (2, 3), "frame": (5, 6)}
FRAMES = 3


CASES = {
    "unfolded": ("direct", {}, {}),
    "two groups": ("direct", {"kernels": 2}, {}),
    "three groups": ("direct", {"taps": 3}, {}),
    "a tap a cycle": ("direct", {"taps": 6}, {}),
    "all folded": ("direct", {"kernels": 3, "channels": 2, "taps": 6}, {}),
    "with strides": ("direct", {"channels": 2, "taps": 3}, {"stride": (2, 3)}),
    "with padding": ("direct", {"kernels": 3, "taps": 2}, {"padding": (1, 2, 1, 2)}),
    "every beat folded": ("value_table", {"kernels": 2}, {"input_bits": 4}),
}


def cycles_of(config):
    """From the last beat of a frame to that of the next, in simulation."""
    beats = config.layer.padded_shape[0] * config.layer.padded_shape[1]
    cycles = check(config, np.random.default_rng(pause_seed()), frames=FRAMES)
    moves = [n for n, cycle in enumerate(cycles) if cycle["moves"]]
    return moves[FRAMES * beats - 1] - moves[(FRAMES - 1) * beats - 1]


@pytest.mark.parametrize("case", CASES)
def test_is_what_the_datapath_takes(case):
    strategy, fold, more = CASES[case]
    config = make_config(make_layer(**SHAPE, **more), strategy=strategy, fold=FoldConfig(**fold))
    foretold = cycles_per_frame(config.layer, Datapath(config).paces)
    assert foretold == cycles_of(config)


def test_a_beat_takes_a_cycle_where_nothing_holds_it():
    layer = make_layer(**SHAPE, padding=(1, 1, 1, 1))
    assert cycles_per_frame(layer, []) == 7 * 8
    assert cycles_per_frame(layer, [Pace(), Pace(delay=3)]) == 7 * 8


def test_the_slowest_part_decides():
    layer = make_layer(**SHAPE)
    beats, outputs = 5 * 6, 4 * 4
    emitting = Pace(hold_emitting=5)
    assert cycles_per_frame(layer, [emitting]) == beats + 4 * outputs
    assert cycles_per_frame(layer, [emitting, Pace(hold=3, hold_emitting=3)]) == (
        5 * outputs + 3 * (beats - outputs)
    )
    # Four beats to a window's result: the row's end and the next row's first beats wait for it.
    waiting = Pace(hold_emitting=5, latency=4, result=21)
    assert cycles_per_frame(layer, [waiting]) > beats + 4 * outputs


def test_a_part_may_meet_its_beats_later():
    layer = make_layer(**SHAPE)
    parts = [Pace(hold_emitting=5), Pace(hold_emitting=5, delay=1)]
    assert cycles_per_frame(layer, parts) == 5 * 4 * 5 + (30 - 4 * 5)
