"""README's table of the named configurations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hw.report import make_report
from hw.summary import strategy_text
from hw.targets import Product
from hw.top import make_top
from sw.config import EngineConfig
from sw.configfile import config_names, load_config

__all__ = ["configurations_table"]

_BASELINE = Path(__file__).parents[2] / "reports" / "baseline.json"

_HEAD = (
    ("configuration", ""),
    ("frame", ""),
    ("kernels: template + learned", ":"),
    ("adders of the bank", ":"),
    ("learned kernels by", ""),
    ("ECP5: LUT4-eq", ":"),
    ("FF", ":"),
    ("DSP", ":"),
    ("BRAM", ":"),
    ("cycles a frame, warm", ":"),
    ("pixels a cycle, warm", ":"),
    ("multiplications needed", ":"),
    ("executed", ":"),
    ("outputs equal to the golden model's", ":"),
)


def configurations_table(measured: dict[str, Any]) -> str:
    """The table, from the engines as they are built and from ``docs/measured.json``.

    Raises
    ------
    ValueError
        If a configuration was not measured.
    """
    if missing := set(config_names()) - measured.keys():
        raise ValueError(
            f"docs/measured.json has no {', '.join(sorted(missing))}: "
            "run python -m docs.generate --measure"
        )
    rows = [[title for title, _ in _HEAD], ["---" + side for _, side in _HEAD]]
    configs = [load_config(name) for name in config_names()]
    baseline = json.loads(_BASELINE.read_text(encoding="utf-8"))
    rows += [
        [*_built(config), *_area(config, baseline), *_run(config, measured[config.name])]
        for config in configs
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _built(config: EngineConfig) -> Iterator[str]:
    """What needs no run."""
    report = make_report(make_top(config), Product(files={}, tools={}), target="verilog")
    kernels, settings = report["kernels"], report["config"]["settings"]
    channels, height, width = config.layer.input_shape
    yield f"`{config.name}`"
    yield f"{width} x {height} x {channels}"
    yield f"{kernels['template']} + {kernels['learned']}"
    yield str(report["bank_adders"])
    yield strategy_text(settings) if settings["strategy"] else "none"


def _area(config: EngineConfig, baseline: dict[str, Any]) -> Iterator[str]:
    """What synthesis counted, where it is on record: alone or before place and route."""
    cases = (value for case, value in baseline.items() if case.startswith(f"{config.name} ecp5"))
    figures = next(cases, {})
    for figure in ("lut4_eq", "ff", "dsp", "bram"):
        yield f"{figures[figure]['value']:,}" if figures else "not on record"


def _run(config: EngineConfig, measured: dict[str, Any]) -> Iterator[str]:
    """What the RTL did."""
    counters, cycles = measured["counters"], measured["warm_frame_cycles"]
    _, height, width = config.layer.input_shape
    needed, executed = (counters[f"multiplications_{what}"] for what in ("needed", "executed"))
    yield f"{cycles:,.0f}"
    yield f"{height * width / cycles:.2f}"
    yield f"{needed:,}"
    yield f"{executed:,} ({100 * executed / needed:.2g} %)"
    compared = measured["outputs_compared"]
    yield f"{compared:,} of {compared:,}"
