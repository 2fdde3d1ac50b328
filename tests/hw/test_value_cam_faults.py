"""Strategy value_cam, while bits of what it remembers flip: with parity nothing wrong comes out.

Without it the same flips must do harm, or they would prove nothing.
"""

import random

import numpy as np
import pytest

from hw.datapath import Datapath
from sw.part_configs import FoldConfig
from tests.hw.benches import Ahead, Recorder
from tests.hw.datapaths import beats_of, expected, idle
from tests.hw.faults import Flippable
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import Pause, pause_seed, run_streams

KINDS = {
    "registers": {},
    "memory": {"organisation": "memory"},
    "sets": {"organisation": "set_associative", "ways": 2, "replacement": "plru"},
    "look-ahead": {"look_ahead": 5},
    "memory, look-ahead": {"organisation": "memory", "look_ahead": 3},
    "sets, look-ahead": {"organisation": "set_associative", "ways": 2, "look_ahead": 7},
}
FOLDS = {"one cycle": FoldConfig(), "four cycles": FoldConfig(kernels=2, channels=2)}


def run(rng, kinds, *, protection, often, table=None, fold=None, frames=4, bits=5, **more):
    """Frames while bits flip; returns (cycles of moves, expected outputs, all cycles)."""
    layer = make_layer(kernels=3, channels=3, kernel_shape=(1, 2), frame=(4, 6), input_bits=bits)
    config = make_config(
        layer,
        entries=8,
        table=table,
        fold=fold or FoldConfig(),
        protection=protection,
        **more,
    )
    pool = np.random.default_rng(rng.getrandbits(32)).integers(0, 1 << bits, (3, 10))
    images = np.array(
        [[[rng.choices(row, k=6) for _ in range(4)] for row in pool] for _ in range(frames)]
    )
    dut = Datapath(config)
    seen = Recorder(
        events=dut.events, damaged=dut.damaged, out=dut.o.payload, moves=dut.o.valid & dut.o.ready
    )
    bench = Flippable(Ahead(dut))
    run_streams(
        bench,
        {"i": [*beats_of(config, images), *[idle(config)] * dut.latency]},
        pause=rng.choice([(Pause.ALWAYS, Pause.ALWAYS), (Pause.BURSTY, Pause.HALF)]),
        testbenches=[seen.watch, bench.flipper(rng, kinds, often=often)],
    )
    moves = [cycle for cycle in seen.cycles if cycle["moves"]]
    return moves, expected(config, images).tolist(), seen.cycles


def outputs_of(moves):
    return [move["out"]["y"] for move in moves if move["out"]["marks"]["emit"]]


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_flips_of_products_and_operands_change_no_output(kind, fold):
    rng = random.Random(pause_seed())
    errors = 0
    for kinds, bits in (("table", 5), ("cam", 5), ("table cam", 10)):
        moves, wanted, cycles = run(
            rng,
            kinds,
            protection="parity",
            often=0.1,
            table=KINDS[kind],
            fold=FOLDS[fold],
            bits=bits,
        )
        assert outputs_of(moves) == wanted
        errors += sum(cycle["events"]["errors"] for cycle in cycles)
        assert not any(cycle["damaged"] for cycle in cycles)
    assert errors > 0


@pytest.mark.parametrize("kinds", ["table", "cam"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_parity_the_same_flips_do_harm(kind, kinds):
    rng = random.Random(pause_seed())

    def harm():
        try:
            moves, wanted, _ = run(rng, kinds, protection="none", often=0.1, table=KINDS[kind])
        except AssertionError:  # it may even stand still
            return True
        return outputs_of(moves) != wanted

    # By chance a run's flips may all be of what is not used again; not those of twenty runs.
    assert any(harm() for _ in range(20))


@pytest.mark.parametrize("fold", FOLDS)
def test_a_flip_of_a_weight_is_told_before_its_sums_leave(fold):
    rng = random.Random(pause_seed())
    harm = 0
    for multipliers in (1, 4, 64):
        _, wanted, cycles = run(
            rng,
            "weight",
            protection="parity",
            often=0.05,
            fold=FOLDS[fold],
            multipliers=multipliers,
        )
        told = False
        outputs = iter(wanted)
        for cycle in cycles:
            if cycle["moves"] and cycle["out"]["marks"]["emit"]:
                right = cycle["out"]["y"] == next(outputs)
                assert right or told
                harm += not right
            told = told or bool(cycle["damaged"])
    assert harm > 0
