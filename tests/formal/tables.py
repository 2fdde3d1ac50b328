"""What the proofs of tables share: readiness as promised, a bound on waiting, words in order."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, ValueLike

from tests.formal.contract import (
    Harness,
    claim,
    keeps_until_ready,
    past,
    same_steps,
    suppose,
    waits_at_most,
)
from tests.formal.probe import Probe

__all__ = ["WaitHarness", "announced_beats", "words_in_order"]


def announced_beats(m: Module, i: Any, o: Any, i_next: ValueLike) -> None:
    """Beats go through both streams at once, and only where ``i_next`` announced them."""
    keeps_until_ready(m, i, assume=True)
    keeps_until_ready(m, o)
    same_steps(m, i, o)
    foretold = past(m, i_next, init=1)
    claim(m, i.ready == (o.ready & foretold), "readiness was foretold")


def words_in_order(m: Module, port: Any, count: int, *, taken: ValueLike) -> tuple[Signal, Signal]:
    """Assume that the words of a set come in order; a set may begin anew at any of them.

    Parameters
    ----------
    port : stream of ``first`` and ``last``
    count : int
        Words of a set.
    taken : 1 bit
        Whether the word that is valid is taken.

    Returns
    -------
    Signal, Signal
        The place of the word that follows if the set goes on; that of the word that is there.
    """
    following, here = Signal(range(count)), Signal(range(count))
    m.d.comb += here.eq(Mux(port.payload.first, 0, following))
    suppose(m, ~port.valid | port.payload.first | (following != 0))
    suppose(m, ~port.valid | (port.payload.last == (here == count - 1)))
    with m.If(taken):
        m.d.sync += following.eq(Mux(port.payload.last, 0, here + 1))
    return following, here


class WaitHarness(Harness):
    """A beat waits no longer than ``cycles``."""

    def __init__(self, dut: Any, cycles: int) -> None:
        self.cycles = cycles
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:  # noqa: ARG002
        """Whatever comes, and however often what leaves is taken."""
        keeps_until_ready(m, self.i, assume=True)
        waits_at_most(m, self.i, self.o, self.cycles)
