"""KernelRegisters: one word written, all shown, the first values after a reset."""

import random

import pytest

from hw.blocks.kernel_registers import KernelRegisters
from tests.hw.benches import InTurn, Recorder
from tests.hw.streams import Pause, pause_seed, run_streams


@pytest.mark.parametrize(("width", "kernels"), [(1, 1), (8, 3), (20, 5), (32, 2)])
@pytest.mark.parametrize("pause", [Pause.ALWAYS, Pause.BURSTY])
def test_shows_every_write_a_cycle_later(width, kernels, pause):
    rng = random.Random(f"{pause_seed()} {width}")
    first = [rng.randrange(-(1 << width - 1), 1 << width - 1) for _ in range(kernels)]
    dut = KernelRegisters(width, first)
    bench = InTurn(dut, "i", "reset")
    seen = Recorder(valid=dut.i.valid, write=dut.i.payload, reset=bench.reset, words=dut.o)
    steps = [
        ("i", {"index": rng.randrange(kernels), "data": rng.getrandbits(32)})
        if rng.random() < 0.95
        else ("reset", None)
        for _ in range(60)
    ]
    inputs = [bench.item(*step) for step in steps]
    run_streams(bench, {"i": inputs}, (), pause=(pause, pause), testbenches=[seen.watch])
    mask = (1 << width) - 1
    words = [value & mask for value in first]
    for cycle in seen.cycles:
        assert cycle["words"] == words
        if cycle["reset"]:
            words = [value & mask for value in first]
        elif cycle["valid"]:
            words[cycle["write"]["index"]] = cycle["write"]["data"] & mask
    assert sum(cycle["valid"] for cycle in seen.cycles) == sum(kind == "i" for kind, _ in steps)
