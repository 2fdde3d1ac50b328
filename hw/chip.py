"""What every target with cells does: synthesis, then place and route if the family has it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from hw.flow import (
    YOSYS,
    Family,
    FlowTimeoutError,
    Routed,
    median_fmax,
    place_and_route,
    synthesise,
    wrap,
)
from hw.flow.names import block_of
from hw.targets import TOP, Options, Product
from hw.targets.rtlil import convert
from hw.top import AnyTop

__all__ = ["build_for", "critical_path"]


@dataclass
class _Clock:
    """The seconds that are left."""

    end: float | None

    def left(self) -> float | None:
        return None if self.end is None else max(self.end - time.monotonic(), 0)


def build_for(top: AnyTop, family: Family, options: Options) -> Product:
    """Area and Fmax of a top module, as far as the time allows.

    Raises
    ------
    FlowError
        If a tool is missing or refuses the design, for instance because it does not fit.
    """
    placed = bool(family.devices and options.seeds) or options.device is not None
    device = family.device(options.device) if placed else None
    tools = {"amaranth": version("amaranth"), "yosys": YOSYS.version()}
    if device:
        tools[device.tool.name] = device.tool.version()
    # The tools are ready now: what the first run of all takes is no part of the limit.
    clock = _Clock(None if options.timeout is None else time.monotonic() + options.timeout)
    text = convert(top.component)
    files = {f"{TOP}.il": text}
    notes = [family.note] if family.note else []
    try:
        block = synthesise({f"{TOP}.il": text}, top=TOP, family=family, timeout=clock.left())
    except FlowTimeoutError:
        notes.append("time was up in synthesis: no area, no Fmax")
        return Product(files=files, tools=tools, timed_out=True, notes=notes)
    if device is None or not options.seeds:
        return Product(files=files, tools=tools, area=block.area, notes=notes)
    harness = wrap(block)
    routed = place_and_route(
        harness,
        device,
        seeds=options.seeds,
        frequency=options.frequency,
        timeout=clock.left(),
        jobs=options.jobs,
    )
    late = [r.seed for r in routed if r.timed_out]
    if late:
        notes.append(f"time was up: no Fmax of seed {', '.join(map(str, late))}")
    return Product(
        files=files,
        tools=tools,
        area=block.area,
        fmax_mhz={"seeds": [r.fmax_mhz for r in routed], "median": median_fmax(routed)},
        estimated_mhz=[r.estimated_mhz for r in routed],
        device=device.name,
        critical_path=critical_path(routed),
        timed_out=bool(late),
        notes=notes,
    )


def critical_path(routed: Sequence[Routed]) -> list[dict[str, object]]:
    """Of the slowest seed that is known: neighbouring steps of one signal are one."""
    known = [r for r in routed if r.fmax_mhz is not None]
    if not known:
        return []
    slowest = min(known, key=lambda r: r.fmax_mhz or 0)
    steps: list[dict[str, object]] = []
    delays: list[dict[str, float]] = []
    for step in slowest.critical_path:
        if not steps or steps[-1]["signal"] != step.signal:
            steps.append({"signal": step.signal, "block": block_of(step.signal)})
            delays.append({"logic_ns": 0.0, "routing_ns": 0.0})
        kind = "routing_ns" if step.kind == "routing" else "logic_ns"
        delays[-1][kind] += step.delay
    return [
        step | {kind: round(ns, 3) for kind, ns in delay.items()}
        for step, delay in zip(steps, delays, strict=True)
    ]
