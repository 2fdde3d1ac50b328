"""What an engine can be built for: one module a target, found by its name.

A target is a module here with ``SUMMARY``, a line for ``--help``, ``OPTIONS``, the names of the
:class:`Options` that it takes, and ``build(top, options)``, which returns a :class:`Product`.
``hw.build`` finds it without being told.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from hw.top import AnyTop

__all__ = [
    "PLACED",
    "SYNTHESISED",
    "TOP",
    "Options",
    "Product",
    "Target",
    "load_target",
    "target_names",
]

TOP = "katazome"
"""Name of the top module, and of the main file."""


SYNTHESISED = frozenset({"timeout"})
"""The options of a target that synthesises."""
PLACED = SYNTHESISED | {"seeds", "frequency", "device", "jobs"}
"""The options of a target that places and routes too."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to build; a target takes those that its ``OPTIONS`` name.

    Parameters
    ----------
    seeds : tuple of int
        Place and route once for each; none: synthesis alone.
    frequency : float, optional
        MHz to ask place and route for.
    timeout : float, optional
        Seconds for all of the target's work; what is known then is the product.
    device : str, optional
        One of the family's chips.
    jobs : int
        Seeds at a time.
    liberty : Path, optional
        A cell library.
    board : str, optional
        One of :data:`hw.boards.BOARDS`.
    timing_allow_fail : bool
        A bitstream that is too slow for its clock is no error.
    """

    seeds: tuple[int, ...] = (1, 2, 3)
    frequency: float | None = None
    timeout: float | None = None
    device: str | None = None
    jobs: int = 1
    liberty: Path | None = None
    board: str | None = None
    timing_allow_fail: bool = False


@dataclass(frozen=True, kw_only=True)
class Product:
    """What a target made of an engine.

    Parameters
    ----------
    files : mapping of file name to content
        The same engine gives the same bytes.
    tools : mapping of tool to version
    area : mapping, optional
        ``lut4_eq``, ``lut``, ``carry``, ``ff``, ``dsp``, ``bram``, or ``um2`` and ``gates``.
    fmax_mhz : mapping, optional
        ``seeds``, a list, and its ``median``; None where the time was up.
    estimated_mhz : sequence, optional
        For each seed what was estimated before routing.
    device : str, optional
        The chip that was placed and routed for.
    critical_path : sequence of mapping, optional
        Of the slowest seed: ``signal``, ``block``, ``logic_ns``, ``routing_ns``, from start to end.
    timed_out : bool
    notes : sequence of str
        What must be said beside the figures.
    """

    files: Mapping[str, str | bytes]
    tools: Mapping[str, str]
    area: Mapping[str, float] = field(default_factory=dict)
    fmax_mhz: Mapping[str, Sequence[float | None] | float | None] = field(default_factory=dict)
    estimated_mhz: Sequence[float | None] = ()
    device: str | None = None
    critical_path: Sequence[Mapping[str, Any]] = ()
    timed_out: bool = False
    notes: Sequence[str] = ()


class Target(Protocol):
    """A module of this package."""

    SUMMARY: str
    OPTIONS: frozenset[str]

    def build(self, top: AnyTop, options: Options) -> Product:
        """Make the target's files of a top that was not elaborated before."""
        ...


def target_names() -> list[str]:
    """Every target there is."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_target(name: str) -> Target:
    """The target of that name, one of :func:`target_names`."""
    return cast(Target, importlib.import_module(f"{__name__}.{name}"))
