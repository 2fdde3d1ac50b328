"""What an engine can be built for: one module a target, found by its name.

A target is a module here with ``SUMMARY``, a line for ``--help``, and ``build(engine)``, which
returns a :class:`Product`. ``hw.build`` finds it without being told.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from hw.engine import Engine

__all__ = ["TOP", "Product", "Target", "load_target", "target_names"]

TOP = "katazome"
"""Name of the top module, and of the main file."""


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
        ``seeds``, a list, and its ``median``.
    """

    files: Mapping[str, str | bytes]
    tools: Mapping[str, str]
    area: Mapping[str, float] = field(default_factory=dict)
    fmax_mhz: Mapping[str, list[float] | float] = field(default_factory=dict)


class Target(Protocol):
    """A module of this package."""

    SUMMARY: str

    def build(self, engine: Engine) -> Product:
        """Make the target's files of an engine that was not elaborated before."""
        ...


def target_names() -> list[str]:
    """Every target there is."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_target(name: str) -> Target:
    """The target of that name, one of :func:`target_names`."""
    return cast(Target, importlib.import_module(f"{__name__}.{name}"))
