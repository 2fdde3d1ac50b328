"""How many seeds of a row are placed and routed."""

from dataclasses import replace

import pytest

from bench import measure as module
from bench.design import Design, Verified
from bench.rows import ROWS

NOTHING = Verified(compared=0, different=0)


@pytest.fixture
def seeds_of(monkeypatch):
    """The seeds that are routed for a row of at most ``most`` when so many are ``asked`` for."""
    monkeypatch.setattr(module, "kept", lambda _, __, make, **___: make())
    monkeypatch.setattr(module, "_verified", lambda _: module._NOT_VERIFIED | {"measured": None})
    area = dict.fromkeys(module._AREA, 1)
    monkeypatch.setattr(
        module, "_synthesised", lambda *_, **__: {"errors": [], "area": area, "netlist": None}
    )
    routed = []

    def _routed(*_, seeds, **__):
        routed.append(seeds)
        return {"fmax_mhz": module._fmax([]), "errors": []}

    monkeypatch.setattr(module, "_routed", _routed)

    def seeds_of(most, asked):
        design = Design(top="top", sources={}, verify=lambda _: NOTHING)
        module.measure(replace(ROWS[0], seeds=most, make=lambda: design), seeds=asked)
        return routed.pop()

    return seeds_of


@pytest.mark.parametrize(("most", "asked", "seeds"), [(3, 3, 3), (1, 3, 1), (3, 2, 2)])
def test_a_row_may_ask_for_fewer(seeds_of, most, asked, seeds):
    assert seeds_of(most, asked) == seeds
