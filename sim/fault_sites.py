"""Where bits can flip: the memories and registers of a design that are marked as state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hw.protection import STATE_ATTRIBUTE

__all__ = ["Flip", "Site", "fault_sites", "state_access"]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A memory, or a register.

    Parameters
    ----------
    path : str
        From the top module's instance, dots between: ``datapath.strategy.table.weights``.
    kind : str
        One of :data:`hw.protection.State`.
    words : int, optional
        Of a memory; None: a register.
    bits : int
        Of a word, or of the register.
    """

    path: str
    kind: str
    words: int | None
    bits: int

    @property
    def size(self) -> int:
        """Bits in all."""
        return self.bits * (self.words or 1)


@dataclass(frozen=True, kw_only=True, order=True)
class Flip:
    """A bit that changes its value once.

    Parameters
    ----------
    round : int
        Of the frames that are streamed without a stop.
    cycle : int
        Of that round.
    path : str
        Of a :class:`Site`.
    word : int
        Of a memory; -1: a register.
    bit : int
    """

    round: int
    cycle: int
    path: str
    word: int
    bit: int


_NAME = r"(?:\\(?P<{0}e>\S+) |(?P<{0}>\w+))"
_MODULE = re.compile(r"^module " + _NAME.format("module") + r"\s*\(", re.MULTILINE)
_INSTANCE = re.compile(
    r"^  " + _NAME.format("of") + r"\s*" + _NAME.format("name") + r"\s*\($", re.MULTILINE
)
_STATE = re.compile(
    rf'^  \(\* {STATE_ATTRIBUTE} = "(?P<kind>\w+)" \*\)\n(?:  \(\*.*\*\)\n)*'
    r"  reg (?:\[(?P<top>\d+):0\] )?" + _NAME.format("name") + r"(?: ?\[(?P<last>\d+):0\])?",
    re.MULTILINE,
)


def _name(match: re.Match[str], group: str) -> str:
    return match[group] or match[f"{group}e"]


def fault_sites(verilog: str) -> list[Site]:
    """All marked state of a design, in the order of the text.

    Parameters
    ----------
    verilog : str
        Of :func:`hw.targets.verilog.emit`: its first module is the top, each module has one
        instance.
    """
    heads = list(_MODULE.finditer(verilog))
    ends = [*(head.start() for head in heads[1:]), len(verilog)]
    bodies = {
        _name(head, "module"): verilog[head.end() : end]
        for head, end in zip(heads, ends, strict=True)
    }
    top = _name(heads[0], "module")
    return [site for name, path in _paths(bodies, top, "") for site in _sites(bodies[name], path)]


def _paths(bodies: dict[str, str], module: str, path: str) -> Iterator[tuple[str, str]]:
    """Modules and where their instances are, from ``module`` down."""
    yield module, path
    for instance in _INSTANCE.finditer(bodies[module]):
        of = _name(instance, "of")
        if of in bodies:
            yield from _paths(bodies, of, f"{path}{_name(instance, 'name')}.")


def _sites(body: str, path: str) -> Iterator[Site]:
    for found in _STATE.finditer(body):
        yield Site(
            path=path + _name(found, "name"),
            kind=found["kind"],
            words=int(found["last"]) + 1 if found["last"] else None,
            bits=int(found["top"] or 0) + 1,
        )


def state_access(verilog: str) -> str:
    """A Verilator configuration that lets a simulation change all marked state of a design."""
    names = sorted({site.path.rpartition(".")[2] for site in fault_sites(verilog)})
    lines = [f'public_flat_rw -module "*" -var "{name}"' for name in names]
    return "\n".join(["`verilator_config", *lines, ""])
