"""One row: generated, compared with the golden model, synthesised, placed and routed.

What was found is kept, a row that failed or ran out of time too, so that a second run is short.
"""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from hw.flow import (
    NEXTPNR_ECP5,
    YOSYS,
    FlowError,
    FlowTimeoutError,
    MissingToolError,
    Routed,
    SynthesisResult,
    load_family,
    median_fmax,
    place_and_route,
    synthesise,
    wrap,
)
from hw.flow.cache import Entry, key_of
from hw.flow.progress import step
from sim.bulk import SimulationError
from sim.toolchain import ToolchainError

from .design import Design
from .environment import ROOT
from .rows import SEEDS, Row

__all__ = [
    "DEVICE",
    "blank_result",
    "kept",
    "measure",
    "not_in",
    "one_line",
    "rates",
    "tools",
]

DEVICE = "85k-6"
_AREA = ("lut4_eq", "lut", "carry", "ff", "dsp", "bram")


def blank_result(row: Row) -> dict[str, Any]:
    """What is known of a row before anything ran: its fields in ``bench.json``."""
    return {
        "key": row.key,
        "title": row.title,
        "ours": row.ours,
        "loads": row.loads,
        "scale": row.scale,
        "back_pressure": row.back_pressure,
        "notes": list(row.notes),
        "verified": None,
        "area": dict.fromkeys(_AREA),
        "fmax_mhz": {"seeds": [], "median": None, "estimated": None},
        "cycles_per_image": None,
        "images_per_second": None,
        "images_per_second_per_lut4_eq": None,
        "errors": [],
        "measured": None,
    }


_NOT_VERIFIED = {"verified": None, "cycles_per_image": None, "errors": ["not yet simulated"]}


def measure(
    row: Row, *, seeds: int = SEEDS, limit: float | None = None, again: bool = False
) -> dict[str, Any]:
    """Everything about a row; what goes wrong is in its ``errors``.

    Parameters
    ----------
    row : Row
    seeds : int
        How many to place and route, one after the other, unless the row says fewer.
    limit : float, optional
        Seconds for a synthesis, and for all seeds of a row, if that is less than the row's own;
        0: what is known, and nothing is simulated either.
    again : bool
        Try again what went wrong the last time.

    Raises
    ------
    MissingToolError
        If a tool is not installed: that is not about the row.
    """
    result = blank_result(row)
    try:
        with step(f"{row.key}: generating"):
            design = row.make()
    except MissingToolError:
        raise
    except FlowError as error:
        return result | {"errors": [one_line(error)], "measured": _today()}
    verified = kept(
        design.key,
        "verify",
        lambda: _verified(design) if limit != 0 else _NOT_VERIFIED | {"measured": _today()},
        again=again and limit != 0,
        whole_try=limit != 0,
        code=_code(),
    )
    result |= {k: verified[k] for k in ("verified", "cycles_per_image", "measured")}
    result["errors"] += verified["errors"]
    most = math.inf if limit is None else limit
    area = _synthesised(row, design, most=most, again=again)
    result["errors"] += area["errors"]
    if "area" in area:
        result["area"] = area["area"]
        fmax = _routed(
            row,
            design,
            area["netlist"],
            most=most,
            seeds=min(seeds, row.seeds),
            again=again,
        )
        result["fmax_mhz"] = fmax["fmax_mhz"]
        result["errors"] += fmax["errors"]
    return result | rates(result)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def kept(
    of: str,
    what: str,
    make: Callable[[], dict[str, Any]],
    *,
    again: bool = False,
    whole_try: bool = True,
    **parts: object,
) -> dict[str, Any]:
    """What ``make`` found, now or before; ``again``: now, if something went wrong before.

    It is known by a key, that of a design for instance, and by what it is. Errors of less than a
    ``whole_try`` are not kept.
    """
    with Entry("bench-row", key_of(step="bench-row", design=of, what=what, **parts)) as e:
        found = e.folder / "found.json"
        if not e.is_known:
            made = make()
            if made["errors"] and not whole_try:
                return made
            (e.partial / "found.json").write_text(json.dumps(made))
            e.publish()
        elif again and json.loads(found.read_text())["errors"]:
            found.write_text(json.dumps(make()))
        return json.loads(found.read_text())


def _verified(design: Design) -> dict[str, Any]:
    """Compare with the golden model."""
    found: dict[str, Any] = {"verified": None, "cycles_per_image": None, "measured": _today()}
    try:
        verified = design.verify(design)
    except MissingToolError:
        raise
    except (FlowError, ToolchainError, SimulationError, subprocess.SubprocessError) as error:
        return found | {"errors": [f"not simulated: {one_line(error)}"]}
    errors = []
    if verified.different:
        errors = [f"{verified.different:,} of {verified.compared:,} outputs differ from the model"]
    found |= {"verified": asdict(verified), "cycles_per_image": verified.cycles_per_image}
    return found | {"errors": errors}


def _synthesised(row: Row, design: Design, *, most: float, again: bool) -> dict[str, Any]:
    """Area and netlist, or an error; what succeeds the flow itself keeps."""
    family, limit = load_family("ecp5"), min(row.synthesis_seconds, most)
    netlists: list[SynthesisResult] = []

    def make() -> dict[str, Any]:
        try:
            netlists.append(
                synthesise(design.sources, top=design.top, family=family, timeout=limit)
            )
        except MissingToolError:
            raise
        except FlowTimeoutError:
            return {"errors": [not_in(limit, "synthesised")]}
        except FlowError as error:
            return {"errors": [one_line(error)]}
        return {"errors": []}

    whole = limit == row.synthesis_seconds
    parts = {"limit": row.synthesis_seconds, "tools": tools()}
    known = kept(design.key, "synthesis", make, again=again, whole_try=whole, **parts)
    if known["errors"]:
        return known
    if not netlists:
        make()
    return {"errors": [], "area": netlists[0].area, "netlist": netlists[0]}


def _routed(
    row: Row,
    design: Design,
    netlist: SynthesisResult,
    *,
    most: float,
    seeds: int,
    again: bool,
) -> dict[str, Any]:
    """Fmax of every seed, or what is known of it when the time is up."""
    limit = min(row.placing_seconds, most)
    numbers = tuple(range(1, seeds + 1))
    device = load_family("ecp5").device(DEVICE)

    def make() -> dict[str, Any]:
        errors = []
        try:
            harness = wrap(netlist, clock=design.clock, timeout=limit)
            routed = place_and_route(harness, device, seeds=numbers, timeout=limit)
        except MissingToolError:
            raise
        except FlowTimeoutError:
            return {"fmax_mhz": _fmax([]), "errors": [f"harness {not_in(limit, 'made')}"]}
        except FlowError as error:
            return {"fmax_mhz": _fmax([]), "errors": [one_line(error)]}
        if late := [str(r.seed) for r in routed if r.timed_out]:
            errors = [f"{not_in(limit, 'routed')}: seed {', '.join(late)}"]
        return {"fmax_mhz": _fmax(routed), "errors": errors}

    block = hashlib.sha256(netlist.rtlil.read_bytes()).hexdigest()
    parts = {"netlist": block, "limit": row.placing_seconds, "seeds": numbers, "device": DEVICE}
    whole = limit == row.placing_seconds
    return kept(
        design.key, "place and route", make, again=again, whole_try=whole, tools=tools(), **parts
    )


def not_in(limit: float, what: str) -> str:
    """What a time limit says; 0 s was no try."""
    return f"not {what} in {limit:.0f} s" if limit else f"not yet {what}"


def tools() -> list[str]:
    """What decides what they find: their versions, and the flow that runs them."""
    return [YOSYS.version(), NEXTPNR_ECP5.version(), _digest((ROOT / "hw/flow").glob("*.py"))]


def _fmax(routed: Sequence[Routed]) -> dict[str, Any]:
    estimates = [r.estimated_mhz for r in routed if r.estimated_mhz is not None]
    median = median_fmax(routed)
    return {
        "seeds": [None if r.fmax_mhz is None else round(r.fmax_mhz, 2) for r in routed],
        "median": None if median is None else round(median, 2),
        "estimated": round(min(estimates), 2) if estimates else None,
    }


def rates(row: dict[str, Any]) -> dict[str, Any]:
    """Images a second, alone and for the area, where the figures for it are there."""
    median, area = row["fmax_mhz"]["median"], row["area"]["lut4_eq"]
    cycles = row["cycles_per_image"]
    if not median or not cycles or not area:
        return {}
    rate = median * 1e6 / cycles
    return {
        "images_per_second": round(rate, 1),
        "images_per_second_per_lut4_eq": round(rate / area, 3),
    }


def one_line(error: Exception) -> str:
    """A message that fits a table."""
    return " ".join(str(error).split())[:300]


@cache
def _code() -> str:
    """Of what simulates and compares."""
    names = ("verify.py", "stream_check.py", "nngen.py", "nngen_bench.sv")
    return _digest([*(ROOT / "bench" / name for name in names), ROOT / "sw/reference.py"])


def _digest(paths: Iterable[Path]) -> str:
    state = hashlib.sha256()
    for path in sorted(paths):
        state.update(path.read_bytes())
    return state.hexdigest()
