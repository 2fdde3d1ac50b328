"""Raster: any stream of pixels becomes whole padded frames, marked, good or bad, in order."""

import numpy as np
import pytest
from amaranth.hdl import Array, Cat, Module, Signal, Value

from hw.blocks.raster import Raster
from tests.formal.contract import (
    Harness,
    claim,
    foretells,
    keeps_until_ready,
    moves,
    tagged_transfer,
)
from tests.formal.prove import prove
from tests.hw.layers import make_layer

pytestmark = pytest.mark.formal

DRAIN = 2


def table(m, values, index):
    """A constant table, looked up."""
    chosen = Signal()
    m.d.comb += chosen.eq(Array(int(v) for v in np.ravel(values))[index])
    return chosen


class RasterHarness(Harness):
    """The specification counts accepted pixels and delivered beats, and nothing else.

    ``shift``: the fault, a specification whose last window ends one position later.
    """

    def __init__(self, dut, *, shift=0):
        self.layer = dut.layer
        self.shift = shift
        super().__init__(dut)

    def properties(self, m: Module, probe) -> None:  # noqa: ARG002
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        foretells(m, vars(self)["o_next"], self.o.valid, "valid")
        kept = self._accept(m)
        self._deliver(m, kept)

    def _accept(self, m):
        """Which accepted pixels belong to a frame: the surplus of a long one does not."""
        _, height, width = self.layer.input_shape
        count, surplus, kept = Signal(range(height * width)), Signal(), Signal()
        last = self.i.payload.last
        m.d.comb += kept.eq(moves(self.i) & ~surplus)
        with m.If(moves(self.i)):
            with m.If(surplus):
                m.d.sync += surplus.eq(~last)
            with m.Elif(last):
                m.d.sync += count.eq(0)
            with m.Elif(count == height * width - 1):
                m.d.sync += [count.eq(0), surplus.eq(1)]
            with m.Else():
                m.d.sync += count.eq(count + 1)
        return kept

    def _windows(self):
        """Where windows end, and the last of them, by sliding them over the padded frame."""
        rows, columns = self.layer.padded_shape
        high, wide = self.layer.kernel_shape
        emit = np.zeros((rows, columns), bool)
        for row in range(0, rows - high + 1, self.layer.stride[0]):
            for column in range(0, columns - wide + 1, self.layer.stride[1]):
                emit[row + high - 1, column + wide - 1] = True
        last = np.zeros(rows * columns, bool)
        last[np.flatnonzero(emit)[-1] - self.shift] = True
        return emit, last

    def _deliver(self, m, kept):
        layer, beat = self.layer, self.o.payload
        padding = layer.padding
        _, height, width = layer.input_shape
        rows, columns = layer.padded_shape
        inside = np.zeros((rows, columns), bool)
        inside[padding.top : padding.top + height, padding.left : padding.left + width] = True
        final = np.arange(rows * columns) == np.flatnonzero(inside)[-1]
        emit, last = self._windows()

        at, short, long = Signal(range(rows * columns)), Signal(), Signal()
        step, takes, ends = Signal(), Signal(), Signal()
        waiting_last = Signal()  # whether the pixel in the output was the last of its stream
        with m.If(kept):
            m.d.sync += waiting_last.eq(self.i.payload.last)
        is_final = table(m, final, at)
        m.d.comb += [
            step.eq(moves(self.o) & beat.marks.live),
            takes.eq(step & table(m, inside, at) & ~short),
            ends.eq(at == rows * columns - 1),
        ]
        is_long = long | (takes & is_final & ~waiting_last)
        is_short = short | (takes & ~is_final & waiting_last)
        with m.If(step):
            m.d.sync += [
                at.eq(at + 1),
                short.eq(is_short & ~ends),
                long.eq(is_long & ~ends),
            ]
            with m.If(ends):
                m.d.sync += at.eq(0)
        tagged_transfer(
            m,
            push=kept,
            pushed=self.i.payload.pixel,
            pop=takes,
            popped=beat.pixel,
            capacity=1,
            name="pixels",
        )
        claim(m, ~step | takes | (Value.cast(beat.pixel) == 0), "all else is zero")
        live = self.o.valid & beat.marks.live
        for name, values in (("emit", emit), ("last", last), ("used", layer.covered)):
            mark = getattr(beat.marks, name)
            claim(m, ~live | (mark == table(m, values, at)), f"mark {name} is where it belongs")
        claim(m, ~live | (beat.marks.end == ends), "mark end is where it belongs")
        wrong = ends & (is_short | is_long)
        claim(m, ~step | (beat.marks.bad == wrong), "bad frames and no others are marked")
        idle = self.o.valid & ~beat.marks.live
        marks = Value.cast(beat.marks)
        claim(m, ~idle | ((marks == 0) & (at == 0)), "idle beats lie between frames")
        self._drains(m, step & ends, moves(self.o) & ~beat.marks.live)

    def _drains(self, m, ended, idle):
        """Idle beats after a frame: no more than the datapath needs."""
        left = Signal(range(DRAIN + 1))
        with m.If(ended):
            m.d.sync += left.eq(DRAIN)
        with m.Elif(idle):
            m.d.sync += left.eq(left - 1)
        claim(m, ~idle | (left != 0), "no more idle beats than the drain")


LAYERS = {
    "padded": make_layer(frame=(1, 2), kernel_shape=(2, 2), padding=(1, 1, 0, 0), input_bits=4),
    "stride": make_layer(frame=(2, 2), kernel_shape=(1, 1), stride=(2, 2), input_bits=4),
    "below": make_layer(
        frame=(1, 2), kernel_shape=(1, 2), stride=(2, 1), padding=(0, 0, 1, 1), input_bits=4
    ),
}


def make(name, block=Raster):
    return block(LAYERS[name], drain=DRAIN)


@pytest.mark.parametrize("name", LAYERS)
def test_frames_become_beats(name):
    prove(RasterHarness(make(name)), mode="bmc", depth=15).holds()


def test_fault_last_window_elsewhere():
    verdict = prove(RasterHarness(make("padded"), shift=1), mode="bmc", depth=18)
    verdict.breaks("mark last is where it belongs")


class NeverBad(Raster):
    """A raster without a frame guard's verdict."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.o.payload.marks.bad.eq(0)
        return m


class TakesAlways(Raster):
    """A raster that takes pixels that it has no beat for."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.i.ready.eq(1)
        return m


class KeepsThePixel(Raster):
    """A raster whose padding is not zero."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += Value.cast(self.o.payload.pixel).eq(Cat(*self.i.payload.pixel))
        return m


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (NeverBad, "bad frames and no others are marked"),
        (TakesAlways, "pixels"),
        (KeepsThePixel, "all else is zero"),
    ],
)
def test_fault_in_the_raster(fault, broken):
    prove(RasterHarness(make("padded", fault)), mode="bmc", depth=18).breaks(broken)
