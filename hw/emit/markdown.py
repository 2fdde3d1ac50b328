"""The register table as Markdown, for people."""

from __future__ import annotations

from collections.abc import Iterator

from sw.register_model import WORD_BYTES, Field, Register, RegisterMap, Window

__all__ = ["emit"]

_HEAD = """\
# Registers

AXI4-Lite, words of 32 bits, byte offsets. Access: r read, w write, rw both. A write that has no
effect (a read-only or absent register, a window while the engine is not idle, not all four
strobes) and a read of a write-only or absent register are answered SLVERR.
"""


def emit(registers: RegisterMap) -> str:
    """The table's text."""
    lines = [_HEAD, "| offset | name | access | value | meaning |", "|---|---|---|---|---|"]
    for register in registers.registers:
        lines += _register(register)
    if registers.windows:
        lines += ["", "## Windows", ""]
        lines += ["| address | name | access | range | meaning |", "|---|---|---|---|---|"]
        lines += [_window(window) for window in registers.windows]
    return "\n".join([*lines, ""])


def _register(register: Register) -> Iterator[str]:
    value = "" if register.value is None else _number(register.value)
    yield (
        f"| {register.offset:#05x} | {register.name} | {register.access.value} "
        f"| {value} | {register.meaning} |"
    )
    for field in register.fields:
        name, access = f"`{field.name}` {_bits(field)}", _access(register, field)
        yield f"| | {name} | {access} | | {field.meaning} |"


def _window(window: Window) -> str:
    terms = [f"{window.offset:#x}"]
    for axis, stride in zip(window.axes, window.index_strides, strict=True):
        terms.append(f"{stride * WORD_BYTES}*{axis.name}")
    sizes = ", ".join(f"{axis.name} 0..{axis.size - 1}" for axis in window.axes)
    return (
        f"| `{' + '.join(terms)}` | {window.name} | {window.access.value} "
        f"| {window.limits.lo}..{window.limits.hi} | {window.meaning} ({sizes}) |"
    )


def _number(value: int) -> str:
    return str(value) if value < 1 << 16 else f"{value:#010x}"


def _bits(field: Field) -> str:
    last = field.lsb + field.width - 1
    return f"bit {field.lsb}" if field.width == 1 else f"bits {last}..{field.lsb}"


def _access(register: Register, field: Field) -> str:
    return "write 1, reads 0" if field.pulse else register.access.value
