"""A MAC layer: its sums always have room, and zeros alone are skipped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from amaranth.asserts import AnyConst  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Module, Mux, Signal, unsigned

from hw.network.mac_layer import MacLayer
from hw.network.zero_skipper import ZeroSkipper
from sw.network.graph import Dense
from sw.network.plan import MacPlan
from sw.numeric import IntRange
from tests.formal.contract import Harness, claim, keeps_until_ready, moves, suppose
from tests.formal.prove import prove

pytestmark = pytest.mark.formal


class RoomHarness(Harness):
    """Whenever the sums of a pass come, the requantiser takes them."""

    def properties(self, m: Module, probe: Any) -> None:  # noqa: ARG002
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        suppose(m, self.i.payload.last)  # a frame is one pixel
        sums = self.dut.requantise.i
        claim(m, ~sums.valid | sums.ready, "sums have room")


def macs(kind: type[MacLayer]) -> MacLayer:
    """A step a pass, eight passes a pixel: the most that can be under way."""
    weight = np.ones((8, 1, 1, 1), np.int64)
    dense = Dense(name="dense", weight=weight, input_range=IntRange(0, 1))
    return kind(dense, MacPlan())


DEPTH = 32
"""All buffers fill, and a pass begins with the room of the first that leaves."""


def test_sums_always_have_room() -> None:
    prove(RoomHarness(macs(MacLayer)), mode="bmc", depth=DEPTH, constant=(".*",)).holds()


class Lengthy(MacLayer):
    """Has a buffer more than stages, so that room comes late."""

    def _buffers(self, steps: int) -> int:
        return super()._buffers(steps) + 1


class Generous(MacLayer):
    """Begins more passes than fit."""

    @property
    def room(self) -> int:
        return 8

    def _buffers(self, steps: int) -> int:  # noqa: ARG002
        return 1


@pytest.mark.parametrize("fault", [Lengthy, Generous])
def test_fault_in_the_room(fault: type[MacLayer]) -> None:
    prove(RoomHarness(macs(fault)), mode="bmc", depth=DEPTH, constant=(".*",)).breaks("room")


class SkipperHarness(Harness):
    """Each pass has the cells of its window that are not zero, in order, and the last; marked so.

    Of any cell of any of the first windows.
    """

    CELLS, PASSES, EXTRA = 2, 2, 1
    WINDOWS = 3

    def properties(self, m: Module, probe: Any) -> None:  # noqa: ARG002
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        given, shown = self.i.payload, self.o.payload
        place, window = Signal(range(self.CELLS)), Signal(range(self.WINDOWS + 1))
        with m.If(moves(self.i)):
            m.d.sync += place.eq(Mux(given.last, 0, place + 1))
            m.d.sync += window.eq(window + (given.last & (window != self.WINDOWS)))
        suppose(m, given.last == (place == self.CELLS - 1))
        suppose(m, ~given.final | given.last)
        suppose(m, ~given.bad | given.final)

        # What came of the chosen cell and window.
        cell, chosen = AnyConst(place.shape()), AnyConst(window.shape())
        suppose(m, chosen < self.WINDOWS)
        kept, came, final, bad = Signal(), Signal(), Signal(), Signal()
        with m.If(moves(self.i) & (window == chosen)):
            with m.If(place == cell):
                m.d.sync += [kept.eq(given["values"][0]), came.eq(1)]
            with m.If(given.last):
                m.d.sync += [final.eq(given.final), bad.eq(given.bad)]

        # Where the output is.
        fresh, extras = Signal(init=1), Signal(range(self.EXTRA + 1))
        passed, done, seen = Signal(range(self.PASSES)), Signal.like(window), Signal()
        number = shown.step - passed * (self.EXTRA + self.CELLS)
        is_extra = extras != self.EXTRA
        ends = moves(self.o) & shown.last
        window_ends = passed == self.PASSES - 1
        here = moves(self.o) & (done == chosen) & ~is_extra & (number == self.EXTRA + cell)
        after = Signal(range(self.CELLS + self.EXTRA))
        with m.If(moves(self.o)):
            m.d.sync += [fresh.eq(shown.last), seen.eq((seen | here) & ~shown.last)]
            m.d.sync += after.eq(Mux(shown.last, 0, number))
            m.d.sync += extras.eq(Mux(shown.last, 0, extras + is_extra))
        with m.If(ends):
            m.d.sync += passed.eq(Mux(window_ends, 0, passed + 1))
            m.d.sync += done.eq(done + (window_ends & (done != self.WINDOWS)))

        valid = self.o.valid
        claim(m, ~valid | (shown.first == fresh), "a pass begins where one ended")
        claim(m, ~valid | (shown.extra == is_extra), "extra steps come first")
        claim(m, ~valid | ~is_extra | (number == extras), "extra steps are numbered")
        counts = (number >= self.EXTRA) & (number < self.EXTRA + self.CELLS)
        claim(m, ~valid | is_extra | (counts & (fresh | (number > after))), "cells ascend")
        at_end = ~is_extra & (number == self.EXTRA + self.CELLS - 1)
        claim(m, ~valid | (shown.last == at_end), "the last cell ends a pass")
        claim(m, ~here | (came & (shown["values"][0] == kept)), "a value is the one that came")
        kept_cell = kept | (cell == self.CELLS - 1)
        claim(m, ~here | kept_cell, "zeros are left out")
        claim(m, ~ends | (done != chosen) | seen | here | ~kept_cell, "nothing else is left out")
        mine = valid & (done == chosen) & shown.last & window_ends
        claim(m, ~mine | ((shown.final == final) & (shown.bad == bad)), "the marks are the frames")


def skipper(kind: type[ZeroSkipper] = ZeroSkipper) -> SkipperHarness:
    harness = SkipperHarness
    return harness(
        kind(
            unsigned(1),
            lanes=1,
            cells=harness.CELLS,
            passes=harness.PASSES,
            extra=harness.EXTRA,
        )
    )


def test_zeros_alone_are_skipped() -> None:
    prove(skipper(), mode="bmc", depth=15).holds()


class Overwriting(ZeroSkipper):
    """Takes a window that it has no room for."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.i.ready.eq(1)
        return m


def test_fault_in_the_skipper() -> None:
    prove(skipper(Overwriting), mode="bmc", depth=15).breaks("is the one", "ends a pass")
