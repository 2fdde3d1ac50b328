"""The register table as SystemRDL 2.0 (Accellera), for register tools and UVM models."""

from __future__ import annotations

from collections.abc import Iterator

from sw.register_model import DATA_BITS, WORD_BYTES, Access, Field, Register, RegisterMap, Window

__all__ = ["emit"]

_WORD = f"value[{DATA_BITS}]"


def emit(registers: RegisterMap) -> str:
    """One address map, ``katazome``; windows are arrays, the outer index a register file."""
    lines = [
        "// Registers of the katazome engine. Generated from the register table; do not edit.",
        "addrmap katazome {",
        '    name = "Katazome engine";',
        f"    default regwidth = {DATA_BITS};",
        f"    default accesswidth = {DATA_BITS};",
        "",
    ]
    for register in registers.registers:
        lines += [f"    {line}" for line in _register(register)]
    for window in registers.windows:
        lines += [f"    {line}" for line in _window(window)]
    return "\n".join([*lines, "};", ""])


def _register(register: Register) -> Iterator[str]:
    yield "reg {"
    yield f'    desc = "{_text(register.meaning)}";'
    for field in register.fields:
        yield from (f"    {line}" for line in _field(register, field))
    if not register.fields:
        reset = "" if register.value is None else f" = {register.value:#x}"
        hardware = "na" if register.value is not None else "w"
        yield f"    field {{ sw = r; hw = {hardware}; }} {_WORD}{reset};"
    yield f"}} {register.name} @ {register.offset:#x};"


def _field(register: Register, field: Field) -> Iterator[str]:
    last = field.lsb + field.width - 1
    if field.pulse:
        access, reset = "sw = w; hw = r; singlepulse;", " = 0"
    elif register.access is Access.READ_WRITE:
        access, reset = "sw = rw; hw = r;", " = 0"
    else:
        access, reset = "sw = r; hw = w;", ""
    text = f'desc = "{_text(field.meaning)}"; {access}'
    yield f"field {{ {text} }} {field.name}[{last}:{field.lsb}]{reset};"


def _window(window: Window) -> Iterator[str]:
    word = f'reg {{ desc = "{_text(window.meaning)}"; field {{ sw = w; hw = r; }} {_WORD}; }}'
    step = f"+= {WORD_BYTES}"
    if window.outer is None:
        yield f"{word} {window.name}[{window.columns}] @ {window.offset:#x} {step};"
        return
    yield "regfile {"
    yield f"    {word} word[{window.columns}] @ 0x0 {step};"
    row = window.stride * WORD_BYTES
    yield f"}} {window.name}[{window.rows}] @ {window.offset:#x} += {row:#x};"


def _text(meaning: str) -> str:
    return meaning.replace("\\", "\\\\").replace('"', '\\"')
