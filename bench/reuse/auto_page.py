"""The part of the page about ``strategy = "auto"``: its wishes, and how far its model is off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sw.configfile import load_config

__all__ = ["WISHES", "auto_section"]

_CONFIG = "cifar10-layer1"
WISHES = (
    ("auto.goal=area", "auto.rate=0.99"),
    ("auto.goal=area", "auto.rate=0.1"),
    ("auto.goal=area", "auto.rate=0.1", "auto.dsp=0"),
    ("auto.goal=area", "auto.rate=0.01"),
    ("auto.goal=rate", "auto.lut4_eq=2500", "auto.dsp=20"),
)
"""What the page shows the choices for, of the paper's layer."""

_TEXT = """\
State what matters, and the generator chooses strategy, folding, entries and multipliers; the keys
are [here](../reference/formats.md#choosing-a-strategy). It weighs every engine that there is by a
cost model: area is a sum of what the structure has (bits of adders, selectors, memories), with
coefficients fitted to synthesised engines by `{command}`; multipliers and block memories are
counted. Only strategies whose weights are loaded at run time are chosen, `value_cam` only with the
hit rates that you state, since nothing else knows your images.

What it would choose for `{config}`:

| wished for | chosen |
| --- | --- |"""
_ERRORS = """
Its errors on {count} engines of other layers, which took no part in the fit ({fitted} did):

| strategy | engines | LUT4-eq, median | worst | FF, median | worst | DSP, worst | BRAM, worst |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def auto_section(cost: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the section, from ``reports/cost.json`` and the committed coefficients."""
    yield '## `strategy = "auto"`\n'
    yield _TEXT.format(command=cost["command"], config=_CONFIG)
    for wish in WISHES:
        chosen = load_config(_CONFIG, assignments=["strategy=auto", *wish]).auto
        assert chosen is not None
        yield f"| {', '.join(f'`{key}`' for key in wish)} | {chosen.text} |"
    held_out = sum(point["held_out"] for point in cost["points"])
    yield _ERRORS.format(count=held_out, fitted=len(cost["points"]) - held_out)
    for strategy, found in cost["held_out_errors"].items():
        cells = [f"`{strategy}`", f"{found['points']}"]
        for of in ("lut4_eq", "ff"):
            cells += [f"{100 * found[of]['median']:.1f} %", f"{100 * found[of]['worst']:+.1f} %"]
        cells += [f"{found[of]['worst']:+d}" for of in ("dsp", "bram")]
        yield f"| {' | '.join(cells)} |"
