"""The register table as a C99 header: offsets, field masks, and macros for window addresses."""

from __future__ import annotations

from collections.abc import Iterator

from sw.register_model import DATA_BITS, WORD_BYTES, Register, RegisterMap, Window

__all__ = ["emit"]

PREFIX = "KATAZOME"

_HEAD = f"""\
/* Registers of the katazome engine: byte offsets, fields and what was built.
 * Generated from the register table; do not edit.
 *
 * Words are {DATA_BITS} bits. <NAME>_MASK and <NAME>_SHIFT are of a field in its word.
 * <NAME>_ADDRESS(...) is the byte offset of one word of a window; its arguments are not checked,
 * the engine answers SLVERR where there is no word.
 */
#ifndef {PREFIX}_REGS_H
#define {PREFIX}_REGS_H

#include <stdint.h>
"""


def emit(registers: RegisterMap) -> str:
    """The header's text; compiles alone with ``gcc -std=c99 -Wall -Wextra -Werror``."""
    lines = [_HEAD]
    for register in registers.registers:
        lines += [*_register(register), ""]
    for window in registers.windows:
        lines += [*_window(window), ""]
    return "\n".join([*lines, f"#endif /* {PREFIX}_REGS_H */", ""])


def _register(register: Register) -> Iterator[str]:
    name = f"{PREFIX}_{register.name}"
    yield f"/* {register.access.value}: {register.meaning} */"
    yield f"#define {name}_OFFSET UINT32_C({register.offset:#05x})"
    if register.value is not None:
        yield f"#define {name}_VALUE UINT32_C({register.value:#x})"
    for field in register.fields:
        bits = f"{name}_{field.name.upper()}"
        yield f"#define {bits}_MASK UINT32_C({field.mask:#x}) /* {field.meaning} */"
        yield f"#define {bits}_SHIFT {field.lsb}"


def _window(window: Window) -> Iterator[str]:
    name = f"{PREFIX}_{window.name}"
    strides = [stride * WORD_BYTES for stride in window.index_strides]
    arguments = ", ".join(axis.name for axis in window.axes)
    terms = [
        f"{stride}u * (uint32_t)({axis.name})"
        for axis, stride in zip(window.axes, strides, strict=True)
    ]
    yield f"/* {window.access.value}: {window.meaning} */"
    yield f"#define {name}_OFFSET UINT32_C({window.offset:#x})"
    for axis in window.axes:
        yield f"#define {name}_{axis.name.upper()}_COUNT {axis.size}"
    yield f"#define {name}_ADDRESS({arguments}) \\"
    yield f"    ({name}_OFFSET + " + " + ".join(terms) + ")"
