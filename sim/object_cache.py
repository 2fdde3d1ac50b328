"""What make calls in front of the compiler: ``object_cache g++ FLAGS -c -o x.o x.cpp``.

Every design links the same run-time library and begins with the same headers, which take longer
than all else of a small design. So each file of the library, and its headers, are compiled once for
each compiler and set of flags, and kept beside the library. Needs nothing but Python: it is copied
into the Verilator root that :mod:`sim.toolchain` lays out.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "include"
OBJECTS = ROOT / "objects"
HEADERS = ("verilated.h", "verilated_dpi.h", "verilated_timing.h")
"""What the headers of a design begin with."""


def main(command: Sequence[str]) -> int:
    """Do what the command says, or take what it would make."""
    if "c++-header" in command:
        return 0  # the headers of this design, twice: they would save less than they take
    if "-include" in command:  # the same: instead, those of the library
        where = command.index("-include")
        flags = [*command[:where]]
        return _run([*flags, "-include", _headers(flags), *command[where + 2 :]])
    source = Path(command[-1])
    if source.parent != LIBRARY or "-o" not in command:
        return _run(command)
    where = command.index("-o")
    kept = _kept([*command[:where], *command[where + 2 :]], ".o")
    shutil.copyfile(kept, command[where + 1])
    return 0


def _headers(flags: Sequence[str]) -> str:
    """The library's precompiled headers, as ``-include`` names them."""
    header = OBJECTS / "library.h"
    if not header.exists():
        _place(header, "".join(f'#include "{name}"\n' for name in HEADERS))
    kept = _kept([*flags, "-x", "c++-header", str(header)], ".h.gch")
    return str(kept.with_suffix(""))


def _kept(command: Sequence[str], suffix: str) -> Path:
    """What a command without its output makes, kept from the first time on."""
    command = [word for word in command if word != "-MMD"]  # what it depends on never changes
    about = subprocess.check_output([command[0], "-dumpfullversion", "-dumpmachine"])
    key = hashlib.sha256(about + "\0".join(command).encode()).hexdigest()[:32]
    kept = OBJECTS / (key + suffix)
    if not kept.exists():
        new = OBJECTS / f"{key}.{os.getpid()}{suffix}"
        if status := _run([*command, "-o", str(new)]):
            raise SystemExit(status)
        new.replace(kept)
    return kept


def _place(path: Path, text: str) -> None:
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(text)
    new.replace(path)


def _run(command: Sequence[str]) -> int:
    return subprocess.call(command)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
