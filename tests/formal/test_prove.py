"""The proof helper itself: what it refuses, remembers and reports."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from amaranth.hdl import Cover, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tests.formal import prove as prove_module
from tests.formal.contract import Harness, claim, past, suppose
from tests.formal.prove import UndrivenError, prove

pytestmark = pytest.mark.formal


class Counter(wiring.Component):
    """Counts to ``end`` and stays there."""

    def __init__(self, end):
        self.end = end
        super().__init__({"i": In(stream.Signature(1)), "o": Out(stream.Signature(4))})

    def elaborate(self, _platform):
        m = Module()
        i, o = vars(self)["i"], vars(self)["o"]
        m.d.comb += [i.ready.eq(1), o.valid.eq(1)]
        with m.If(i.valid & (o.payload != self.end)):
            m.d.sync += o.payload.eq(o.payload + 1)
        return m


class CounterHarness(Harness):
    def properties(self, m, probe):  # noqa: ARG002
        claim(m, self.o.payload <= 5, "stays below 6")
        m.d.comb += Cover(self.o.payload == 5, None)


@pytest.fixture
def build(tmp_path_factory, monkeypatch):
    """An empty cache, inside the repository: YoWASP moves the system's temporary folder."""
    folder = prove_module.BUILD / f"test-{tmp_path_factory.mktemp('x').parent.name}"
    monkeypatch.setattr(prove_module, "BUILD", folder)
    yield folder
    prove_module.shutil.rmtree(folder, ignore_errors=True)


def test_an_undriven_signal_is_refused():
    class Forgets(Harness):
        def properties(self, m, probe):  # noqa: ARG002
            forgotten = Signal(name="forgotten")
            claim(m, ~forgotten, "nothing")

    with pytest.raises(UndrivenError, match=r"^forgotten: read, but neither driven nor a port"):
        prove(Forgets(Counter(5)), mode="bmc", depth=2)
    prove(Forgets(Counter(5)), mode="bmc", depth=2, constant=["forgotten"]).holds()


def test_every_input_is_free():
    class Asserts(Harness):
        def properties(self, m, probe):  # noqa: ARG002
            claim(m, ~self.i.valid, "the input never comes")

    prove(Asserts(Counter(5)), mode="bmc", depth=2).breaks("the input never comes")


def test_induction_that_does_not_close_is_unknown():
    class Skips(Harness):
        def properties(self, m, probe):  # noqa: ARG002
            claim(m, self.o.payload != 9, "is never 9")

    verdict = prove(Skips(Counter(5)), mode="prove", depth=2)
    assert verdict.status == "UNKNOWN"
    with pytest.raises(AssertionError, match="UNKNOWN: is never 9; see"):
        verdict.holds()


def test_cover_is_reached_or_not():
    assert prove(CounterHarness(Counter(5)), mode="cover", depth=8).status == "PASS"
    assert prove(CounterHarness(Counter(4)), mode="cover", depth=8).status == "FAIL"


def test_z3_is_of_one_mind_with_yices():
    prove(CounterHarness(Counter(5)), mode="prove", depth=2, engine="z3").holds()
    prove(CounterHarness(Counter(6)), mode="bmc", depth=9, engine="z3").breaks("stays below 6")


def test_the_reset_is_held_and_the_past_begins():
    class Past(Harness):
        def properties(self, m, probe):  # noqa: ARG002
            suppose(m, self.i.valid)
            claim(m, past(m, self.i.valid, init=1), "the past was so")
            grown = self.o.payload > past(m, self.o.payload)
            claim(m, grown | (self.o.payload == 0) | (self.o.payload == 5), "grows")

    prove(Past(Counter(5)), mode="bmc", depth=9).holds()


def test_a_second_run_is_read_from_the_cache(build):
    first = prove(CounterHarness(Counter(6)), mode="bmc", depth=9)
    second = prove(CounterHarness(Counter(6)), mode="bmc", depth=9)
    assert (first.cached, second.cached) == (False, True)
    assert (second.status, second.reasons, second.log) == ("FAIL", first.reasons, first.log)
    assert second.log.is_relative_to(build)
    assert not prove(CounterHarness(Counter(6)), mode="bmc", depth=10).cached


def _prove_in(folder):
    prove_module.BUILD = folder
    return prove(CounterHarness(Counter(5)), mode="bmc", depth=9).status


def test_two_processes_may_prove_the_same_at_once(build):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(_prove_in, [build, build])) == ["PASS", "PASS"]
    assert len([child for child in build.iterdir() if child.is_dir()]) == 1
