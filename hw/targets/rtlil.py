"""RTLIL: Yosys's own format, with no Verilog step between."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue] - no stub
from amaranth.hdl import Elaboratable

from hw.engine import Engine
from hw.targets import TOP, Options, Product
from hw.top import Top
from sw.config import EngineConfig

__all__ = ["OPTIONS", "SUMMARY", "build", "convert", "emit", "no_garbage_collection"]

_UNCHECKED = re.compile(
    r"^  attribute \\no_rw_check .*\n(?:  attribute .*\n)*  memory .* \\(\S+)$", re.MULTILINE
)
_READ_PORT = re.compile(r'cell \$memrd_v2 .*\n    parameter \\MEMID "\\\\(\S+)"\n(?:    .*\n)*')
_COLLISION = re.compile(r"(COLLISION_X_MASK \d+')(0+)")
SUMMARY = "RTLIL for Yosys"
OPTIONS: frozenset[str] = frozenset()


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Spare a short-lived mass of small objects the collector: a netlist takes half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def emit(config: EngineConfig) -> str:
    """The RTLIL of a configuration's engine, whatever its ``top``; the same gives the same."""
    return convert(Engine(config))


def build(top: Top, options: Options) -> Product:
    """``katazome.il``."""
    del options
    return Product(
        files={f"{TOP}.il": convert(top.component)}, tools={"amaranth": version("amaranth")}
    )


def convert(component: Elaboratable, *, name: str = TOP, **arguments: Any) -> str:
    """The RTLIL of any component, as the module ``name``; ``arguments`` as Amaranth takes them."""
    with no_garbage_collection():
        return _without_collisions(rtlil.convert(component, name=name, emit_src=False, **arguments))


def _without_collisions(text: str) -> str:
    """Say of each memory with the attribute ``no_rw_check`` that no read meets a write.

    Yosys heeds the attribute only where it merges a register into a read port, and Amaranth's
    ports have theirs already: for each bit it would build what gives the old value.
    """
    return "".join(map(_of_module, re.split(r"^(?=module )", text, flags=re.MULTILINE)))


def _of_module(text: str) -> str:
    unchecked = set(_UNCHECKED.findall(text))

    def read_port(found: re.Match[str]) -> str:
        if found[1] not in unchecked:
            return found[0]
        return _COLLISION.sub(lambda mask: mask[1] + "1" * len(mask[2]), found[0])

    return _READ_PORT.sub(read_port, text)
