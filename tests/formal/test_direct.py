"""Direct: every sum that is taken is that of its window and of the active set, and none waits long.

Which beats emit, when beats come, when sets of weights are loaded and swapped is free within the
contract of strategies; so is every pixel and weight. The sums are stated from the window itself.
The proof is about which operands meet, not about multiplication: the lanes give value AND weight,
bit by bit. That they multiply is shown in ``tests/hw/test_lane_multipliers.py``.
"""

from typing import Any

import pytest
from amaranth.hdl import Const, Module, Mux, Signal

from hw.blocks.fold_accumulator import FoldAccumulator
from hw.blocks.fold_sequencer import FoldSequencer
from hw.blocks.lane_multipliers import LaneMultipliers
from hw.blocks.result_queue import ResultQueue
from hw.blocks.weight_store import WeightStore
from hw.strategies.direct import Direct
from sw.part_configs import FoldConfig
from tests.formal.contract import Harness, claim, history, past, suppose
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal


class Ands(LaneMultipliers):
    """Lanes of products that solvers are fast with."""

    def _multiply(self, m, name, value, weight):
        product = Signal(self.geometry.product_shape, name=f"product_{name}")
        m.d.sync += product.eq(value & weight)
        return product


class Sums(Direct):
    """The strategy with those lanes."""

    def __init__(self, config):
        super().__init__(config)
        self.lanes = Ands(self.geometry)


def make(*, width, kernels=1, channels=1, fold=None, strategy=Sums):
    layer = make_layer(
        kernels=kernels,
        channels=channels,
        kernel_shape=(1, width),
        frame=(1, width),
        input_bits=4,
        weight_bits=4,
    )
    return strategy(make_config(layer, strategy="direct", fold=FoldConfig(**(fold or {}))))


class DirectHarness(Harness):
    """``less``: of the cycles that a beat may wait; the fault."""

    def __init__(self, dut, *, less=0):
        self.less = less
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:  # noqa: ARG002
        dut, beat = self.dut, self.i.payload
        ready: Any = vars(self)["i_ready_next"]
        move = self.i.valid
        suppose(m, ~move | past(m, ready))
        emitted = history(m, move, beat.emit, dut.latency)
        weights = self._weights(m, in_flight=sum(emitted[1:], move & beat.emit) != 0)

        # The window of each beat, once there were as many, and what it must give.
        layer = dut.config.layer
        width = layer.kernel_shape[1]
        beats = Signal(range(width + 1))
        with m.If(move & (beats != width)):
            m.d.sync += beats.eq(beats + 1)
        suppose(m, ~(move & beat.emit) | (beats >= width - 1))
        for n, kernel in enumerate(dut.config.learned):
            total = Const(0)
            for c in range(layer.channels):
                pixels = history(m, move, beat.pixel[c], width - 1)
                for tap in range(width):
                    total = total + (pixels[width - 1 - tap] & weights[c][n][tap])
            expected = Signal(self.o.payload[f"k{kernel}"].shape(), name=f"expected_{kernel}")
            m.d.comb += expected.eq(total)
            wanted = history(m, move, expected, dut.latency)[-1].as_signed()
            good = self.o.payload[f"k{kernel}"] == wanted
            claim(m, ~(move & emitted[-1]) | good, f"sum {kernel} is that of its window")

        # Its sub-steps, or those of the windows before it: beats that do not emit take a cycle.
        fold, result = dut.geometry.cycles, dut.pace.result
        limit = max(fold - 1, result - fold - dut.latency + 1) - self.less
        waited = Signal(range(limit + 2))
        m.d.sync += waited.eq(Mux(ready | (waited > limit), 0, waited + 1))
        claim(m, waited <= limit, "no beat waits longer")

    def _weights(self, m, *, in_flight):
        """The active set, by channel, kernel and tap; sets are loaded and swapped as allowed."""
        config = self.dut.config
        word: Any = vars(self)["i_weight"]
        swap, loaded = vars(self)["swap"], vars(self)["loaded"]
        model = config.learned_weight.swapaxes(0, 1)
        count = model.size
        position = Signal(range(count + 1))
        place = Signal(range(count + 1))
        moved = Signal()
        m.d.comb += [
            moved.eq(word.valid & word.ready),
            place.eq(Mux(word.payload.first, 0, position)),
        ]
        marks = word.payload.first == (place == 0), word.payload.last == (place == count - 1)
        suppose(m, ~moved | ((place != count) & marks[0] & marks[1]))
        suppose(m, ~swap | (loaded & ~word.valid & (position == count) & ~in_flight))
        with m.If(moved):
            m.d.sync += position.eq(place + 1)
        with m.If(swap):
            m.d.sync += position.eq(0)
        flat = []
        for n, init in enumerate(model.ravel().tolist()):
            new = Signal(word.payload.weight.shape(), name=f"new_{n}")
            active = Signal.like(new, name=f"active_{n}", init=init)
            with m.If(moved & (place == n)):
                m.d.sync += new.eq(word.payload.weight)
            with m.If(swap):
                m.d.sync += active.eq(new)
            flat.append(active)
        kernels, taps = model.shape[1], config.layer.taps
        return [
            [flat[(c * kernels + k) * taps :][:taps] for k in range(kernels)]
            for c in range(model.shape[0])
        ]


class MovesOnTooSoon(FoldSequencer):
    """Sub-steps for which the window does not wait."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.free_next.eq(1)
        return m


class KeepsItsSums(FoldAccumulator):
    """An accumulator that goes on with the sum of the window before."""

    def _total(self, m, lane, valid, last):  # noqa: ARG002
        return super()._total(m, lane, valid, Const(0))


class ShowsEarly(ResultQueue):
    """A queue that shows a result before it is there."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o_next.eq(1)
        return m


class LoadsTheActiveSet(WeightStore):
    """Weights that count from when they come."""

    def _memory(self, m):
        super()._memory(m)
        m.d.comb += m.submodules.weights.write_ports[0].addr[-1].eq(0)


def with_part(**parts):
    """A strategy with some of its blocks replaced."""

    class Faulty(Sums):
        def __init__(self, config):
            super().__init__(config)
            for name, make_part in parts.items():
                setattr(self, name, make_part(self))

    return Faulty


SIZES: dict[str, tuple[dict[str, Any], int]] = {
    "unfolded": ({"width": 2}, 12),
    "two taps in turn": ({"width": 2, "fold": {"taps": 2}}, 15),
    "two kernels in turn": ({"width": 1, "kernels": 2, "fold": {"kernels": 2}}, 15),
    "two channels in turn": ({"width": 1, "channels": 2, "fold": {"channels": 2}}, 15),
    "two results at most": ({"width": 5, "fold": {"taps": 5}}, 17),
}


def harness(name, *, strategy=Sums, less=0):
    shape, _ = SIZES[name]
    return DirectHarness(make(**shape, strategy=strategy), less=less)


@pytest.mark.parametrize("name", SIZES)
def test_every_sum_is_that_of_its_window_and_of_the_active_set(name):
    prove(harness(name), mode="bmc", depth=SIZES[name][1]).holds()


FAULTS: dict[str, dict[str, Any]] = {
    "a window that moves on too soon": {"sequencer": lambda s: MovesOnTooSoon(s.geometry)},
    "sums that go on": {"accumulator": lambda s: KeepsItsSums(s.geometry)},
    "a result before it is there": {"queue": lambda s: ShowsEarly(s.queue.shape, s.queue.depth)},
    "weights that count at once": {"weights": lambda s: LoadsTheActiveSet(s.geometry)},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_a_part(fault):
    name, strategy = "two taps in turn", with_part(**FAULTS[fault])
    proof = prove(harness(name, strategy=strategy), mode="bmc", depth=SIZES[name][1])
    proof.breaks("is that of its window", "no beat waits longer")


def test_fault_waits_less():
    name = "two taps in turn"
    proof = prove(harness(name, less=1), mode="bmc", depth=SIZES[name][1])
    proof.breaks("no beat waits longer")
