"""What the proofs of reuse tables share: the promise of readiness, and the bound on waiting."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, ValueLike

from tests.formal.contract import (
    Harness,
    claim,
    keeps_until_ready,
    past,
    same_steps,
    waits_at_most,
)
from tests.formal.probe import Probe

__all__ = ["WaitHarness", "announced_beats"]


def announced_beats(m: Module, i: Any, o: Any, i_next: ValueLike) -> None:
    """Beats go through both streams at once, and only where ``i_next`` announced them."""
    keeps_until_ready(m, i, assume=True)
    keeps_until_ready(m, o)
    same_steps(m, i, o)
    foretold = past(m, i_next, init=1)
    claim(m, i.ready == (o.ready & foretold), "readiness was foretold")


class WaitHarness(Harness):
    """A beat waits no longer than ``cycles``."""

    def __init__(self, dut: Any, cycles: int) -> None:
        self.cycles = cycles
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:  # noqa: ARG002
        """Whatever comes, and however often what leaves is taken."""
        keeps_until_ready(m, self.i, assume=True)
        waits_at_most(m, self.i, self.o, self.cycles)
