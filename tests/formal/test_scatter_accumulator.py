"""ScatterAccumulator: each sum equal to its equation, at any pace, folded and not."""

from typing import Any

import pytest
from amaranth.asserts import AnyConst  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Module, Signal

from hw.blocks.scatter_accumulator import ScatterAccumulator
from sw.part_configs import FoldConfig
from tests.formal.contract import Harness, claim, history, past, suppose
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal


def make(*, kernels=1, channels=1, kernel_shape=(1, 1), columns=3, fold=(1, 1), lead=0):
    layer = make_layer(
        kernels=kernels,
        channels=channels,
        kernel_shape=kernel_shape,
        frame=(kernel_shape[0], columns),
        input_bits=4,
        weight_bits=4,
    )
    folds = FoldConfig(kernels=fold[0], channels=fold[1])
    return ScatterAccumulator(make_config(layer, strategy="value_table", fold=folds), lead=lead)


class SumHarness(Harness):
    """``late``: the fault, a specification whose oldest tap is that many beats older.

    ``lone``: one product of all, any one, may differ from 0. Sums are linear, so where each product
    goes is all there is to say; that none overflows is for the others.
    """

    def __init__(self, dut, *, late=0, lone=False):
        self.late = late
        self.lone = lone
        super().__init__(dut)

    @property
    def depth(self):
        """Steps until the first sums count, and some cycles more."""
        return self._steps_ago(0, 0, 0, self._age(0)) + 4

    def _age(self, tap):
        layer = self.dut.layer
        rows, columns = layer.kernel_shape
        row, column = divmod(tap, columns)
        age = (rows - 1 - row) * layer.padded_shape[1] + columns - 1 - column
        return age + self.late * (tap == 0)

    def _steps_ago(self, group, part, lead, age):
        """From a move back to a product of ``latency + age`` beats before."""
        fold = self.dut.geometry
        beats = self.dut.latency + age
        return beats * fold.cycles - group * fold.channels.groups - part - lead

    def properties(self, m: Module, probe: Probe) -> None:  # noqa: ARG002
        fold = self.dut.geometry
        member: Any = vars(self)
        step = self.i.valid
        suppose(m, step == past(m, member["i_valid_next"]))
        phase = Signal(range(fold.cycles))
        steps = Signal(range(self.depth + 1))
        with m.If(step):
            m.d.sync += phase.eq(0)
            with m.If(phase != fold.cycles - 1):
                m.d.sync += phase.eq(phase + 1)
            with m.If(steps != self.depth):
                m.d.sync += steps.eq(steps + 1)
        longest = self._steps_ago(0, 0, 0, self._age(0))
        if self.lone:
            self._lone_product(m, step)
        ago = [
            [history(m, step, product, longest) for product in channel]
            for channel in self.i.payload
        ]
        for kernel in range(fold.kernels.parts):
            group, kernel_lane = fold.kernels.place(kernel)
            terms = []
            for channel in range(fold.channels.parts):
                part, lane = fold.channels.place(channel)
                for tap in range(fold.taps.parts):
                    word = ago[lane][kernel_lane * fold.taps.parts + tap]
                    back = self._steps_ago(group, part, self.dut.lead, self._age(tap))
                    terms.append(word[back])
            counts = step & (phase == 0) & (steps >= longest)
            good = self.o.payload[kernel] == sum(terms[1:], terms[0])
            claim(m, ~counts | good, f"sum {kernel} is that of the window")
        self._absent_channels(m, step)
        claim(m, self.o.valid == step, "valid is that of the input")

    def _lone_product(self, m, step):
        """Which step brings it, and where."""
        steps, chosen, where = Signal(6), AnyConst(6), AnyConst(4)
        with m.If(step & ~steps.all()):
            m.d.sync += steps.eq(steps + 1)
        products = [product for channel in self.i.payload for product in channel]
        for n, product in enumerate(products):
            suppose(m, (product == 0) | ((steps == chosen) & (where == n)))

    def _absent_channels(self, m, step):
        """Products of channels that are not there are 0."""
        fold = self.dut.geometry
        part = Signal(range(fold.channels.groups), init=-self.dut.lead % fold.channels.groups)
        with m.If(step):
            m.d.sync += part.eq(0)
            with m.If(part != fold.channels.groups - 1):
                m.d.sync += part.eq(part + 1)
        for group in range(fold.channels.groups):
            for lane in range(fold.channels.lanes):
                if fold.channels.part(group, lane) is None:
                    for product in self.i.payload[lane]:
                        suppose(m, (part != group) | (product == 0))


SIZES: dict[str, dict[str, Any]] = {
    "four channels": {"channels": 4},
    "row": {"kernel_shape": (1, 3), "columns": 3},
    "two rows": {"kernel_shape": (2, 2), "columns": 3},
    "two rows, ring between": {"kernel_shape": (2, 1), "columns": 10},
    "kernels folded": {"kernels": 3, "kernel_shape": (1, 2), "fold": (2, 1)},
    "channels folded": {"channels": 3, "kernel_shape": (1, 2), "fold": (1, 2), "lead": 1},
    "both folded, two rows": {
        "kernels": 2,
        "channels": 2,
        "kernel_shape": (2, 1),
        "columns": 1,
        "fold": (2, 2),
        "lead": 3,
    },
}


@pytest.mark.parametrize("name", SIZES)
def test_sums_the_window(name):
    dut = make(**SIZES[name])
    harness = SumHarness(dut, lone=dut.geometry.channels.groups > 1)
    prove(harness, mode="bmc", depth=harness.depth).holds()


@pytest.mark.parametrize("name", ["row", "two rows, ring between", "kernels folded"])
def test_fault_adds_a_beat_too_late(name):
    harness = SumHarness(make(**SIZES[name]), late=1)
    prove(harness, mode="bmc", depth=harness.depth).breaks("is that of the window")


class ForgetsWhereItIs(ScatterAccumulator):
    """Accumulators that take over at the wrong channel group."""

    def _first_next(self, m):
        return ~super()._first_next(m)


class MovesOnItsOwn(ScatterAccumulator):
    """A chain that moves in every cycle."""

    def _delay(self, m, slot_next, name, lines, slots):  # noqa: ARG002
        super()._delay(m, 1, name, lines, slots)


@pytest.mark.parametrize(
    ("fault", "name"),
    [(ForgetsWhereItIs, "channels folded"), (MovesOnItsOwn, "kernels folded")],
)
def test_fault_in_the_fold(fault, name):
    good = make(**SIZES[name])
    harness = SumHarness(fault(good.geometry.config, lead=good.lead))
    prove(harness, mode="bmc", depth=harness.depth).breaks("is that of the window")
