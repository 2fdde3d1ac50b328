"""The stream helpers must see each way to break a stream."""

from __future__ import annotations

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tests.hw.streams import Pause, run_beats, run_streams


class Faulty(wiring.Component):
    """A wire that breaks the contract in one way."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, fault):
        self.fault = fault
        signature = stream.Signature(8)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, _platform):
        m = Module()
        toggle = Signal()
        m.d.sync += toggle.eq(~toggle)
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        match self.fault:
            case "loses":
                with m.If(self.i.payload == 7):
                    m.d.comb += [self.o.valid.eq(0), self.i.ready.eq(1)]
            case "doubles":
                m.d.comb += self.i.ready.eq(self.o.ready & toggle)
            case "withdraws":
                m.d.comb += [self.o.valid.eq(self.i.valid & toggle), self.i.ready.eq(self.o.ready)]
                m.d.comb += self.i.ready.eq(self.o.ready & toggle)
            case "changes":
                m.d.comb += self.o.payload.eq(self.i.payload ^ toggle)
            case "hangs":
                with m.If(self.i.payload == 7):
                    m.d.comb += [self.o.valid.eq(0), self.i.ready.eq(0)]
            case "invents":
                with m.If(~self.i.valid):
                    m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(0)]
        return m


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("loses", "12 beats went in, 11 came out"),
        ("doubles", r"12 beats went in, \d\d came out"),
        ("withdraws", "valid fell before ready"),
        ("changes", "became"),
        ("hangs", "no transfer for 3000 cycles: left at the inputs {'i': 5}"),
        ("invents", "outputs go on for 3000 cycles"),
    ],
)
def test_a_broken_stream_fails(fault, message):
    pause = (Pause.ALWAYS, Pause.ALWAYS if fault == "doubles" else Pause.HALF)
    with pytest.raises(AssertionError, match=message):
        run_beats(Faulty(fault), list(range(12)), 0, pause=pause)


@pytest.mark.parametrize("left", Pause)
@pytest.mark.parametrize("right", Pause)
def test_a_wire_passes(left, right):
    assert run_beats(Faulty(None), list(range(40)), 0, pause=(left, right)) == list(range(40))


def test_a_failure_names_its_seed(monkeypatch):
    monkeypatch.setenv("KATAZOME_SEED", "77")
    with pytest.raises(AssertionError) as failure:
        run_streams(Faulty("changes"), {"i": [1, 2, 3]}, pause=(Pause.ALWAYS, Pause.HALF))
    assert failure.value.__notes__ == ["pauses ['always', 'half'], KATAZOME_SEED=77"]
