"""WeightPort: only whole sets are ever marked so, by induction, and no word waits for ever."""

from typing import Any

import pytest
from amaranth.asserts import AnyConst  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Array, Const, Module, Mux, Signal

from hw.blocks.weight_port import WeightPort
from tests.formal.contract import (
    Harness,
    claim,
    keeps_until_ready,
    moves,
    past,
    suppose,
)
from tests.formal.probe import Probe
from tests.formal.prove import prove
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal


def make_port(block=WeightPort, *, channels=2, products=3):
    layer = make_layer(channels=channels, kernel_shape=(1, products), weight_bits=4)
    return block(make_config(layer))


def places_of(port):
    """Index in the window of each word of a set, in order."""
    stride = 1 << port.column_bits
    return [c * stride + p for c in range(port.channels) for p in range(port.products)]


class SetHarness(Harness):
    """What leaves as a whole set is one: its words came in order, from one source, none between.

    ``invariants``: of the induction; without them, for a fault.
    """

    def __init__(self, dut, *, invariants=True):
        self.invariants = invariants
        self.places = places_of(dut)
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:
        port: Any = vars(self)
        word, write, o = port["i"], port["i_write"], self.o
        keeps_until_ready(m, word, assume=True)
        keeps_until_ready(m, write, assume=True)
        keeps_until_ready(m, o)
        self._pending(m, port)
        self.nth = AnyConst(range(len(self.places)))  # the word of a set that is followed
        suppose(m, self.nth < len(self.places))
        by_window = Signal()
        m.d.comb += by_window.eq(moves(o) & moves(write))
        self._accepted(m, port, by_window)
        self._refused(m, port, by_window)
        self._seen(m)
        if self.invariants:
            self._invariants(m, probe)

    def _pending(self, m, port):
        """A complete set waits for its swap; meanwhile nothing leaves."""
        o, pending = self.o, Signal()
        m.d.sync += pending.eq((pending & ~port["swap"]) | (moves(o) & o.payload.last))
        claim(m, port["pending"] == pending, "a whole set is pending until its swap")
        claim(m, ~(pending & o.valid), "while a set is pending nothing leaves")
        claim(m, ~(pending & moves(port["i_write"])), "nor does the window bring anything")

    def _accepted(self, m, port, by_window):
        """The words accepted since the first of a set: how many, and the nth of them."""
        word, write, o = port["i"], port["i_write"], self.o
        size = len(self.places)
        weight = Mux(by_window, write.payload.weight, word.payload.weight)
        self.count = Signal(range(size + 1))  # of the set that is under way; 0: none is
        self.source = Signal()  # its source: 1 is the window
        self.kept: Any = Signal.like(word.payload.weight)
        at = Signal.like(self.count)
        m.d.comb += at.eq(Mux(o.payload.first, 0, self.count))
        claim(m, ~moves(o) | moves(write) | moves(word), "what leaves was just accepted")
        claim(m, ~moves(o) | (o.payload.weight == weight), "a weight leaves as it came")
        claim(m, ~moves(o) | (at < size), "no set is longer than a set")
        goes_on = moves(o) & ~o.payload.first
        claim(m, ~goes_on | (self.count != 0), "a set begins with its first")
        claim(m, ~goes_on | (self.source == by_window), "a set has one source")
        place = Array(Const(n, len(write.payload.index)) for n in self.places)
        in_turn = write.payload.index == place[at]
        claim(m, ~by_window | in_turn, "words of the window come in turn")
        whole = (at == size - 1) & (by_window | word.payload.last)
        claim(m, ~moves(o) | (o.payload.last == whole), "the last word is that of a whole set")
        self.ended = moves(o) & ~by_window & (word.payload.last | (at == size - 1))
        with m.If(moves(o)):
            m.d.sync += self.source.eq(by_window)
            m.d.sync += self.count.eq(Mux(self.ended | o.payload.last, 0, at + 1))
            with m.If(at == self.nth):
                m.d.sync += self.kept.eq(weight)
        with m.Elif(moves(write) & self.source):  # it came out of turn
            m.d.sync += self.count.eq(0)

    def _refused(self, m, port, by_window):
        """What is dropped is told."""
        o, refused = self.o, Signal()
        dropped = (
            (moves(port["i_write"]) & ~by_window)
            | (moves(o) & o.payload.first & (self.count != 0))
            | (self.ended & ~o.payload.last)
        )
        with m.If(dropped):
            m.d.sync += refused.eq(1)
        with m.Elif(port["clear"]):
            m.d.sync += refused.eq(0)
        claim(m, port["refused"] == refused, "what is dropped is told")

    def _seen(self, m):
        """A set as those who take it see it, by its marks alone."""
        o = self.o
        self.seen: Any = Signal.like(self.kept)
        self.position, where = Signal.like(self.count), Signal.like(self.count)
        m.d.comb += where.eq(Mux(o.payload.first, 0, self.position))
        with m.If(moves(o)):
            m.d.sync += self.position.eq(where + 1)
            with m.If(where == self.nth):
                m.d.sync += self.seen.eq(o.payload.weight)
        whole = past(m, moves(o) & o.payload.last)
        claim(m, ~whole | (self.position == len(self.places)), "a whole set has so many words")
        claim(m, ~whole | (self.seen == self.kept), "and they are those that were accepted")

    def _invariants(self, m, probe):
        """What the port's registers mean."""
        port, count = self.dut, self.count
        begun, skip = probe.signal("begun"), probe.signal("skip")
        claim(m, begun == (count != 0), "begun")
        claim(m, ~begun | (probe.signal("by_window") == self.source), "source")
        claim(m, count < len(self.places), "count is in range")
        column, row = probe.signal("next_column"), probe.signal("next_row")
        claim(m, ~begun | (row * port.products + column == count), "place is the count")
        claim(m, ~begun | (column < port.products), "column is in range")
        claim(m, ~(skip & begun) | self.source, "only the stream's sets are skipped")
        shown = self.o.valid & vars(self)["i"].valid & ~port.i_write.ready
        claim(m, ~probe.signal("offered") | shown, "an offered word is shown")
        claim(m, ~begun | (self.position == count), "position is the count")
        same = self.seen == self.kept
        claim(m, ~(begun & (self.nth < count)) | same, "the word kept is the word seen")


class WaitHarness(Harness):
    """With ``o.ready`` a word of the stream waits for the window and for a swap alone.

    One of the window waits for a swap alone, and to be looked at.

    ``less``: the fault, a specification that lets it not even wait for the window's words.
    """

    def __init__(self, dut, *, less=False):
        self.less = less
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:
        port: Any = vars(self)
        word, write = port["i"], port["i_write"]
        keeps_until_ready(m, word, assume=True)
        keeps_until_ready(m, write, assume=True)
        suppose(m, self.o.ready)
        window_set = probe.signal("begun") & probe.signal("by_window")
        excuse = port["pending"] | window_set
        claim(m, ~word.valid | excuse | (write.valid & ~self.less) | moves(word), "a word is taken")
        waited = past(m, write.valid & ~moves(write))
        claim(m, ~waited | port["pending"] | moves(write), "a write is taken in its second cycle")


@pytest.mark.parametrize(("channels", "products"), [(2, 3), (1, 1), (3, 1), (1, 4)])
def test_only_whole_sets_are_marked_whole(channels, products):
    harness = SetHarness(make_port(channels=channels, products=products))
    prove(harness, mode="prove", depth=3).holds()


def test_no_word_waits_for_ever():
    prove(WaitHarness(make_port()), mode="prove", depth=2).holds()


def test_fault_a_word_does_not_wait_for_the_window():
    verdict = prove(WaitHarness(make_port(), less=True), mode="bmc", depth=6)
    verdict.breaks("a word is taken")


class IgnoresTheMark(WeightPort):
    """A port for which a set is whole after so many words, whatever the stream says."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        place = Signal(range(self.products * self.channels + 1))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += place.eq(Mux(self.o.payload.first, 1, place + 1))
        last = place == self.products * self.channels - 1
        m.d.comb += self.o.payload.last.eq(last & ~self.o.payload.first)
        return m


class GoesOnWhilePending(WeightPort):
    """A port that begins a set while another waits."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.pending):
            m.d.sync += self.pending.eq(0)
        return m


class ChangesItsMind(WeightPort):
    """A port whose window goes first even where a word of the stream is shown."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.i_write.valid & (self.i_write.payload.index == 0)):
            m.d.comb += self.o.payload.weight.eq(self.i_write.payload.weight)
        return m


class TakesAnyTurn(WeightPort):
    """A port that hands on whatever word the window brings."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.i_write.valid & ~self.pending):
            m.d.comb += [self.o.valid.eq(1), self.i_write.ready.eq(self.o.ready)]
            m.d.comb += self.o.payload.weight.eq(self.i_write.payload.weight)
        return m


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (IgnoresTheMark, "the last word is that of a whole set"),
        (GoesOnWhilePending, "pending"),
        (ChangesItsMind, "a weight leaves as it came"),
        (TakesAnyTurn, "words of the window come in turn"),
    ],
)
def test_fault_in_the_port(fault, broken):
    harness = SetHarness(make_port(fault), invariants=False)
    prove(harness, mode="bmc", depth=10).breaks(broken, "payload stays until ready")
