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
from hw.top import AnyTop
from sw.config import EngineConfig

__all__ = ["OPTIONS", "SUMMARY", "build", "convert", "emit", "no_garbage_collection"]

_UNCHECKED = re.compile(
    r"^  attribute \\no_rw_check .*\n(?:  attribute .*\n)*  memory .* \\(\S+)$", re.MULTILINE
)
_READ_PORT = re.compile(r'cell \$memrd_v2 .*\n    parameter \\MEMID "\\\\(\S+)"\n(?:    .*\n)*')
_KEPT = re.compile(r"^  attribute \\keep 1\n(?:  attribute .*\n)*  wire .* \\(\S+)$", re.MULTILINE)
_REGISTER = re.compile(r"^  cell \$dff .*\n(?:    .*\n)*?    connect \\Q \\(\S+)\n", re.MULTILINE)
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


def build(top: AnyTop, options: Options) -> Product:
    """``katazome.il``."""
    del options
    return Product(
        files={f"{TOP}.il": convert(top.component)}, tools={"amaranth": version("amaranth")}
    )


def convert(component: Elaboratable, *, name: str = TOP, **arguments: Any) -> str:
    """The RTLIL of any component, as the module ``name``; ``arguments`` as Amaranth takes them."""
    with no_garbage_collection():
        text = rtlil.convert(component, name=name, emit_src=False, **arguments)
        modules = re.split(r"^(?=module )", text, flags=re.MULTILINE)
        return "".join(_without_collisions(_with_kept_registers(module)) for module in modules)


def _with_kept_registers(text: str) -> str:
    """Say of each register with the attribute ``keep`` that it must stay one of its own.

    Yosys heeds the attribute of a cell alone, and merges registers of equal inputs otherwise.
    """
    kept = set(_KEPT.findall(text))

    def register(found: re.Match[str]) -> str:
        return f"  attribute \\keep 1\n{found[0]}" if found[1] in kept else found[0]

    return _REGISTER.sub(register, text)


def _without_collisions(text: str) -> str:
    """Say of each memory with the attribute ``no_rw_check`` that no read meets a write.

    Yosys heeds the attribute only where it merges a register into a read port, and Amaranth's
    ports have theirs already: for each bit it would build what gives the old value.
    """
    unchecked = set(_UNCHECKED.findall(text))

    def read_port(found: re.Match[str]) -> str:
        if found[1] not in unchecked:
            return found[0]
        return _COLLISION.sub(lambda mask: mask[1] + "1" * len(mask[2]), found[0])

    return _READ_PORT.sub(read_port, text)
