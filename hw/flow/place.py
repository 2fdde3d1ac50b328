"""Place and route by nextpnr: Fmax and the critical path, several seeds."""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cache import Entry, cached, key_of, share
from .errors import FlowError, FlowTimeoutError
from .families import Device
from .names import readable
from .synthesis import SynthesisResult
from .tools import Run, Tool, run_all

__all__ = ["PathStep", "Routed", "median_fmax", "place", "place_and_route"]

_FMAX = re.compile(r"Max frequency for clock\s+'([^']*)': ([\d.]+) MHz")


@dataclass(frozen=True)
class PathStep:
    """One step of a path.

    Parameters
    ----------
    kind : str
        ``clk-to-q``, ``logic``, ``routing`` or ``setup``.
    delay : float
        Nanoseconds.
    signal : str
        Where it ends, in the design's own names: ``bank.sum_12``.
    """

    kind: str
    delay: float
    signal: str


@dataclass(frozen=True, kw_only=True)
class Routed:
    """What one seed gave.

    Parameters
    ----------
    seed : int
    fmax_mhz : float or None
        Of the slowest clock; None if not known.
    clocks : dict of str to float
        Fmax of each clock that has paths.
    estimated_mhz : float or None
        After placement, before routing: what is known when the time is up.
    critical_path : tuple of PathStep
        Of the slowest clock; empty if not known.
    utilisation : dict
        Used and available, by nextpnr's kind of cell.
    timed_out : bool
    folder : Path or None
        In the cache: ``place.log``, ``report.json`` and the file that packs to a bitstream.
    """

    seed: int
    fmax_mhz: float | None = None
    clocks: dict[str, float]
    estimated_mhz: float | None = None
    critical_path: tuple[PathStep, ...] = ()
    utilisation: dict[str, Any]
    timed_out: bool = False
    folder: Path | None = None

    @property
    def bitstream_config(self) -> Path | None:
        """What ecppack or icepack takes."""
        return self.folder / "chip.config" if self.folder else None


def median_fmax(routed: Sequence[Routed]) -> float | None:
    """The median of the seeds whose Fmax is known."""
    known = [r.fmax_mhz for r in routed if r.fmax_mhz is not None]
    return statistics.median(known) if known else None


def place_and_route(
    design: SynthesisResult,
    device: Device,
    *,
    seeds: Sequence[int] = (1, 2, 3),
    frequency: float | None = None,
    constraints: str | None = None,
    timeout: float | None = None,
    jobs: int = 1,
) -> tuple[Routed, ...]:
    """Place and route once for each seed.

    Parameters
    ----------
    design : SynthesisResult
        A board's top, or a block in its harness (:func:`hw.flow.wrap`).
    device : Device
    seeds : sequence of int
    frequency : float, optional
        MHz to ask for; missing it is no error here: compare with ``fmax_mhz``.
    constraints : str, optional
        The text of an ``.lpf`` or ``.pcf`` file; without one the pins lie anywhere.
    timeout : float, optional
        Seconds for all seeds together. What is not done then is marked ``timed_out``.
    jobs : int
        Seeds at a time.

    Raises
    ------
    FlowError
        If nextpnr is missing or refuses the design, for instance because it does not fit.
    """
    arguments = _arguments(design, device, frequency, constrained=constraints is not None)
    netlist = device.netlist_for(design.netlist, design.cells)
    key = {
        "netlist": hashlib.sha256(netlist.read_bytes()).hexdigest(),
        "arguments": arguments,
        "pins": constraints,
        "tool": device.tool.version(),
    }
    with ExitStack() as stack:
        entries = {seed: stack.enter_context(_entry(design, seed, key)) for seed in seeds}
        runs = _missing(f"{design.top} for {device.name}", device.tool, arguments, entries)
        for seed in runs:
            share(netlist, entries[seed].partial / "netlist.json")
            if constraints is not None:
                (entries[seed].partial / "pins").write_text(constraints)
        late = _run_all(runs, entries, device, timeout=timeout, jobs=jobs)
        return tuple(
            _partly_known(seed, late[seed]) if seed in late else _read(seed, entry.folder)
            for seed, entry in entries.items()
        )


def place(
    design: SynthesisResult, device: Device, *, seed: int = 1, frequency: float | None = None
) -> Path:
    """Place, and route nothing; returns the delays as nextpnr estimates them, as SDF.

    Raises
    ------
    FlowError
        If nextpnr is missing or refuses the design.
    """
    arguments = [
        *(*device.arguments_for(design.cells), "--json", "netlist.json", "-q", "-l", "place.log"),
        *("--freq", f"{frequency or device.frequency:g}", "--seed", str(seed)),
        *("--no-route", "--sdf", "delays.sdf", *device.out_of_context),
    ]
    netlist = device.netlist_for(design.netlist, design.cells)
    digest = hashlib.sha256(netlist.read_bytes()).hexdigest()
    key = key_of(step="estimate", netlist=digest, arguments=arguments, tool=device.tool.version())

    def make(folder: Path) -> None:
        share(netlist, folder / "netlist.json")
        what = f"placement of {design.top} for {device.name}, seed {seed}"
        device.tool.run(arguments, folder=folder, log="place", what=what)

    return cached(f"estimate-{design.family.name}", key, make) / "delays.sdf"


def _arguments(
    design: SynthesisResult, device: Device, frequency: float | None, *, constrained: bool
) -> list[str]:
    """nextpnr's, but for the seed; files are named as in an entry's folder."""
    pins = [device.constraints_option, "pins"] if constrained else device.out_of_context
    return [
        *device.arguments_for(design.cells),
        *("--json", "netlist.json"),
        *("-q", "-l", "place.log"),
        *("--freq", f"{frequency or device.frequency:g}"),
        *("--report", "report.json"),
        *(device.config_option, "chip.config"),
        *pins,
    ]


def _entry(design: SynthesisResult, seed: int, key: Mapping[str, Any]) -> Entry:
    """A seed's place in the cache."""
    return Entry(f"place-{design.family.name}", key_of(step="place", seed=seed, **key))


def _missing(
    what: str, tool: Tool, arguments: Sequence[str], entries: Mapping[int, Entry]
) -> dict[int, Run]:
    """The runs of the seeds that the cache lacks, each in the folder of its entry."""
    return {
        seed: Run(
            tool,
            (*arguments, "--seed", str(seed)),
            folder=entry.partial,
            log="place",
            what=f"place and route of {what}, seed {seed}",
        )
        for seed, entry in entries.items()
        if not entry.is_known
    }


def _run_all(
    runs: Mapping[int, Run],
    entries: Mapping[int, Entry],
    device: Device,
    *,
    timeout: float | None,
    jobs: int,
) -> dict[int, FlowTimeoutError]:
    """Run the seeds; returns those that did not end in time.

    Each is kept as soon as it has ended: others may take long, and be stopped.
    """
    kept = {run: entries[seed] for seed, run in runs.items()}
    ended = run_all(
        list(runs.values()), timeout=timeout, jobs=jobs, succeeded=lambda run: kept[run].publish()
    )
    outcomes = dict(zip(runs, ended, strict=True))
    for outcome in outcomes.values():
        if outcome is not None and not isinstance(outcome, FlowTimeoutError):
            raise FlowError(f"{device.name}: {outcome}") from outcome
    return {seed: error for seed, error in outcomes.items() if isinstance(error, FlowTimeoutError)}


def _partly_known(seed: int, late: FlowTimeoutError) -> Routed:
    return Routed(
        seed=seed,
        clocks={},
        estimated_mhz=_estimated_mhz(late.log),
        utilisation={},
        timed_out=True,
    )


def _read(seed: int, folder: Path) -> Routed:
    report = json.loads((folder / "report.json").read_text())
    clocks = {clock: found["achieved"] for clock, found in report["fmax"].items()}
    slowest = min(clocks, key=clocks.__getitem__, default=None)
    log = (folder / "place.log").read_text(errors="replace")
    return Routed(
        seed=seed,
        fmax_mhz=clocks[slowest] if slowest else None,
        clocks=clocks,
        estimated_mhz=_estimated_mhz(log),
        critical_path=_critical_path(report["critical_paths"], slowest),
        utilisation=report["utilization"],
        folder=folder,
    )


def _estimated_mhz(log: str) -> float | None:
    """Of the slowest clock, as nextpnr first said it: after placement."""
    first: dict[str, float] = {}
    for clock, megahertz in _FMAX.findall(log):
        first.setdefault(clock, float(megahertz))
    return min(first.values(), default=None)


def _critical_path(paths: Sequence[dict[str, Any]], clock: str | None) -> tuple[PathStep, ...]:
    """The path within ``clock``."""
    edges = {f"posedge {clock}", f"negedge {clock}"}
    within = [p["path"] for p in paths if {p["from"], p["to"]} <= edges]
    steps = max(within, key=lambda path: sum(s["delay"] for s in path), default=[])
    signals: list[str] = []
    for step in steps:
        signal = readable(step.get("net") or step["to"]["cell"])
        unnamed = signal.startswith("$") and signals  # nextpnr's own, on the way from the last
        signals.append(signals[-1] if unnamed else signal)
    return tuple(
        PathStep(step["type"], step["delay"], signal)
        for step, signal in zip(steps, signals, strict=True)
    )
