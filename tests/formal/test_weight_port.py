"""WeightPort: only whole sets are ever marked so, by induction, and no word waits for ever."""

from typing import Any

import pytest
from amaranth.asserts import AnyConst  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Array, Const, Module, Mux, Signal

from hw.blocks.weight_port import WeightPort
from tests.formal.contract import (
    Harness,
    Probe,
    claim,
    keeps_until_ready,
    moves,
    past,
    suppose,
)
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
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:
        port: Any = vars(self)
        word, write, o = port["i"], port["i_write"], self.o
        keeps_until_ready(m, word, assume=True)
        keeps_until_ready(m, write, assume=True)
        keeps_until_ready(m, o)

        # A pending set, until its swap; meanwhile nothing leaves.
        pending = Signal()
        m.d.sync += pending.eq((pending & ~port["swap"]) | (moves(o) & o.payload.last))
        claim(m, port["pending"] == pending, "a whole set is pending until its swap")
        claim(m, ~(pending & o.valid), "while a set is pending nothing leaves")
        claim(m, ~(pending & moves(write)), "while a set is pending the window takes nothing")

        # What was accepted since the last first word that left: the words, counted as they came.
        places = places_of(self.dut)
        count = Signal(range(len(places) + 1))  # of the set that is under way, 0: none
        by_window = Signal()
        nth = AnyConst(range(len(places)))
        suppose(m, nth < len(places))
        kept: Any = Signal.like(word.payload.weight)  # the nth word that was accepted for it
        source_word, source_window = Signal(), Signal()
        m.d.comb += [
            source_window.eq(moves(o) & moves(write)),
            source_word.eq(moves(o) & ~moves(write)),
        ]
        weight = Mux(source_window, write.payload.weight, word.payload.weight)
        place = Array(Const(n, len(write.payload.index)) for n in places)
        at = Signal.like(count)
        m.d.comb += at.eq(Mux(o.payload.first, 0, count))
        claim(m, ~moves(o) | moves(write) | moves(word), "what leaves was just accepted")
        claim(m, ~moves(o) | (o.payload.weight == weight), "a weight leaves as it came")
        claim(m, ~moves(o) | (at < len(places)), "no set is longer than a set")
        with_first = moves(o) & ~o.payload.first
        claim(m, ~with_first | (count != 0), "a set begins with its first")
        claim(m, ~with_first | (by_window == source_window), "a set has one source")
        in_turn = write.payload.index == place[at]
        claim(m, ~source_window | in_turn, "words of the window come in turn")
        whole = (at == len(places) - 1) & (source_window | word.payload.last)
        claim(m, ~moves(o) | (o.payload.last == whole), "the last word is that of a whole set")
        m.d.sync += by_window.eq(Mux(moves(o), source_window, by_window))
        ended = source_word & (word.payload.last | (at == len(places) - 1))
        out_of_turn = moves(write) & ~source_window & by_window
        with m.If(moves(o)):
            m.d.sync += count.eq(Mux(ended | o.payload.last, 0, at + 1))
        with m.Elif(out_of_turn):
            m.d.sync += count.eq(0)
        with m.If(moves(o) & (at == nth)):
            m.d.sync += kept.eq(weight)

        # What leaves as a set, as those who take it see it.
        seen: Any = Signal.like(kept)
        position = Signal.like(count)
        where = Signal.like(count)
        m.d.comb += where.eq(Mux(o.payload.first, 0, position))
        with m.If(moves(o)):
            m.d.sync += position.eq(where + 1)
            with m.If(where == nth):
                m.d.sync += seen.eq(o.payload.weight)
        is_last = past(m, moves(o) & o.payload.last)
        claim(m, ~is_last | (position == len(places)), "a whole set has so many words")
        claim(m, ~is_last | (seen == kept), "and they are those that were accepted")

        # What was dropped is told.
        dropped = (
            (moves(write) & ~source_window)
            | (moves(o) & o.payload.first & (count != 0))
            | (ended & ~o.payload.last)
        )
        refused = Signal()
        with m.If(dropped):
            m.d.sync += refused.eq(1)
        with m.Elif(port["clear"]):
            m.d.sync += refused.eq(0)
        claim(m, port["refused"] == refused, "what is dropped is told")
        if not self.invariants:
            return
        begun = self._invariants(m, probe, count, by_window)
        claim(m, ~begun | (position == count), "position is the count")
        claim(m, ~(begun & (nth < count)) | (seen == kept), "the word kept is the word seen")

    def _invariants(self, m, probe, count, by_window):
        """What the port's registers mean; returns that a set is under way."""
        port = self.dut
        places = places_of(port)
        begun, skip = probe.signal("begun"), probe.signal("skip")
        claim(m, begun == (count != 0), "begun")
        claim(m, ~begun | (probe.signal("by_window") == by_window), "source")
        claim(m, count < len(places), "count is in range")
        column, row = probe.signal("next_column"), probe.signal("next_row")
        claim(m, ~begun | (row * port.products + column == count), "place is the count")
        claim(m, ~begun | (column < port.products), "column is in range")
        claim(m, ~(skip & begun) | by_window, "only the stream's sets are skipped")
        shown = self.o.valid & vars(self)["i"].valid & ~port.i_write.ready
        claim(m, ~probe.signal("offered") | shown, "an offered word is shown")
        return begun


class WaitHarness(Harness):
    """With ``o.ready`` a word of the stream waits for the window and for a swap alone.

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
        claim(m, ~write.valid | port["pending"] | moves(write), "a write is taken")


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
