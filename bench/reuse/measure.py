"""A point measured: by the golden counter model, by the RTL, by synthesis."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from bench.environment import ROOT
from bench.measure import kept, not_in, one_line, tools
from bench.ours import described, rtlil_text
from hw.digest import generator_digest
from hw.flow import FlowError, FlowTimeoutError, MissingToolError, load_family, synthesise
from hw.targets import TOP
from hw.top import make_top
from sim.bulk import SimulationError, simulate
from sim.toolchain import DEFAULT_BUILD_DIR, ToolchainError
from sw import reference
from sw.config import EngineConfig
from sw.config_error import ConfigError
from sw.images import Images
from sw.reuse import CounterModel, predict

from .points import SERIES, Point

__all__ = ["AREA", "area_of", "blank_result", "key_of_point", "measure", "model_counters"]

AREA = ("lut4_eq", "lut", "carry", "ff", "dsp", "bram")
_LIMIT = 1200.0
"""Seconds for the synthesis of a point."""
_CYCLES_OFF = 0.01
"""Cycles of the RTL that may differ from those foretold: a frame's, while others say nothing."""
_UNKNOWN = {"errors": ["not yet simulated"]}
_MODELLED = ("lookups", "hits", "misses", "multiplications_needed", "multiplications_executed")


def key_of_point(point: Point) -> str:
    """A name for a point, for people and for finding it again."""
    fold = "".join(
        f" {name[0]}{groups}" for name, groups in asdict(point.fold).items() if groups > 1
    )
    parts = [point.strategy, *(f"{name} {value}" for name, value in sorted(point.table.items()))]
    if point.entries is not None:
        parts.append(f"{point.entries} entries")
    if not point.multipliers:
        parts.append("logic")
    if fold:
        parts.append(f"fold{fold}")
    return ", ".join([f"{point.sweep}: {point.series} bits", *parts])


def blank_result(point: Point) -> dict[str, Any]:
    """What is known of a point before anything ran: its fields in ``reuse.json``."""
    return {
        "key": key_of_point(point),
        "sweep": point.sweep,
        "series": point.series,
        "strategy": point.strategy,
        "channels": point.channels,
        "entries": point.entries,
        "fold": asdict(point.fold),
        "table": dict(point.table),
        "logic": not point.multipliers,
        "multipliers": None,
        **dict.fromkeys(_MODELLED),
        "hit_rate": None,
        "frames": None,
        "pixels": None,
        "cycles": None,
        "stall_cycles": None,
        "pixels_per_cycle": None,
        "rtl": False,
        "outputs_compared": None,
        "area": dict.fromkeys(AREA),
        "reason": None,
        "measured": None,
    }


def measure(point: Point, *, again: bool = False, known: bool = False) -> dict[str, Any]:
    """Everything about a point; what is impossible or failed is in its ``reason``.

    Parameters
    ----------
    point : Point
    again : bool
        Try again what went wrong the last time.
    known : bool
        Neither simulate nor synthesise: without an area that is known, there is none.

    Raises
    ------
    MissingToolError
        If a tool is not installed: that is not about the point.
    """
    result = blank_result(point)
    try:
        config = point.config()
    except ConfigError as error:
        return result | {"reason": one_line(error)}
    images = SERIES[point.series].images(point.channels)
    pixels = hashlib.sha256(images.tobytes()).hexdigest()
    made = f"{generator_digest()} {described(config)}"
    model = kept(
        made, "reuse model", lambda: _foretold(config, images), code=_code(), images=pixels
    )
    rtl = {"errors": []}
    if point.in_rtl:
        rtl = kept(
            made,
            "reuse rtl",
            lambda: _UNKNOWN if known else _simulated(config, images, model),
            again=again,
            whole_try=not known,
            code=_code(),
            images=pixels,
        )
        if rtl == _UNKNOWN and model["cycles"] is not None:
            rtl = {"errors": []}
    area = area_of(config, again=again, known=known)
    errors = [*rtl["errors"], *area["errors"]]
    result |= model | rtl | {"multipliers": config.table.multipliers, "area": area["area"]}
    del result["errors"]
    if cycles := result["cycles"]:
        rate = result["pixels"] * (1 - 1 / result["frames"]) / cycles
        result["pixels_per_cycle"] = round(rate, 4)
    return result | {"reason": "; ".join(errors) or None}


def area_of(config: EngineConfig, *, again: bool = False, known: bool = False) -> dict[str, Any]:
    """``area`` of an engine by synthesis for ECP5, now or before; what failed in ``errors``."""
    return kept(
        f"{generator_digest()} {described(config)}",
        "reuse area",
        lambda: _synthesised(config, 0 if known else _LIMIT),
        again=again,
        whole_try=not known,
        tools=tools(),
    )


def model_counters(config: EngineConfig, images: Images) -> dict[str, int]:
    """What the golden model counts, without time."""
    counters = predict(images, config).as_dict()
    return {name: count for name, count in counters.items() if count is not None}


def _foretold(config: EngineConfig, images: Images) -> dict[str, Any]:
    """What the golden model counts, and the cycles that follow from it, where any do."""
    model = CounterModel(config)
    work = model.feed(images)
    counters = model.counters.as_dict()
    lookups = counters["lookups"]
    # The first image also waits for the weights, which the bench loads while it comes.
    stalls = [frame.stall_cycles for frame in work[1:]]
    beats = make_top(config).cycles_per_frame * len(stalls)
    return {name: counters[name] for name in (*_MODELLED, "stall_cycles")} | {
        "measured": datetime.now(UTC).date().isoformat(),
        "hit_rate": round((counters["hits"] or 0) / lookups, 4) if lookups else None,
        "frames": len(images),
        "pixels": images[:, 0].size,
        "cycles": None if None in stalls else beats + sum(n for n in stalls if n is not None),
        "errors": [],
    }


def _simulated(config: EngineConfig, images: Images, model: Mapping[str, Any]) -> dict[str, Any]:
    """What the RTL counts, and how it differs from what was foretold."""
    try:
        result = simulate(config, images, build_dir=Path(DEFAULT_BUILD_DIR))
    except MissingToolError:
        raise
    except (ToolchainError, SimulationError, subprocess.SubprocessError, ValueError) as error:
        return {"errors": [f"not simulated: {one_line(error)}"]}
    errors = _disagreements(model, result.counters.as_dict())
    if different := int((result.y != reference.run(images, config)).sum()):
        errors.append(f"{different:,} of {result.y.size:,} outputs differ from the model")
    cycles, foretold = int(result.frame_cycles[1:].sum()), model["cycles"]
    if foretold is not None and abs(cycles / foretold - 1) > _CYCLES_OFF:
        errors.append(f"{cycles:,} cycles, {foretold:,} were foretold")
    return {
        "rtl": True,
        "cycles": cycles,
        "stall_cycles": result.counters.stall_cycles,
        "outputs_compared": result.y.size,
        "errors": errors,
    }


def _disagreements(model: Mapping[str, Any], rtl: Mapping[str, int | None]) -> list[str]:
    return [
        f"{name}: the RTL counts {rtl[name]:,}, the model {model[name]:,}"
        for name in (*_MODELLED, "stall_cycles")
        if model[name] is not None and rtl[name] != model[name]
    ]


def _synthesised(config: EngineConfig, limit: float) -> dict[str, Any]:
    area: dict[str, Any] = dict.fromkeys(AREA)
    if not limit:
        return {"area": area, "errors": [not_in(limit, "synthesised")]}
    try:
        sources = {f"{TOP}.il": rtlil_text(config)}
        found = synthesise(sources, top=TOP, family=load_family("ecp5"), timeout=limit).area
    except MissingToolError:
        raise
    except FlowTimeoutError:
        return {"area": area, "errors": [not_in(limit, "synthesised")]}
    except (FlowError, ValueError) as error:
        return {"area": area, "errors": [one_line(error)]}
    return {"area": {name: found[name] for name in AREA}, "errors": []}


@cache
def _code() -> str:
    """Of what simulates and counts."""
    paths = [*(ROOT / "sim/harness").iterdir(), ROOT / "sim/bulk.py", Path(__file__)]
    state = hashlib.sha256()
    for path in sorted(paths):
        state.update(path.read_bytes())
    return state.hexdigest()
