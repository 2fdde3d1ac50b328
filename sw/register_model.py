"""What a register table is made of: registers with fields, and windows of many words.

Pure values, checked when made; :mod:`sw.registers` has the engine's own table.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from .numeric import IntRange

__all__ = [
    "ADDRESS_BITS",
    "DATA_BITS",
    "WORD_BYTES",
    "Access",
    "Axis",
    "Field",
    "Register",
    "RegisterMap",
    "Window",
    "words_shown",
]

ADDRESS_BITS = 16
DATA_BITS = 32
WORD_BYTES = DATA_BITS // 8


class Access(enum.Enum):
    """What the bus may do with a register."""

    READ = "r"
    WRITE = "w"
    READ_WRITE = "rw"


@dataclass(frozen=True, kw_only=True)
class Field:
    """Bits ``lsb .. lsb + width - 1`` of a register.

    Parameters
    ----------
    pulse : bool
        Writing 1 acts once; it reads 0.
    """

    name: str
    lsb: int
    width: int = 1
    meaning: str
    pulse: bool = False

    @property
    def mask(self) -> int:
        """The field's bits in the word."""
        return ((1 << self.width) - 1) << self.lsb


@dataclass(frozen=True, kw_only=True)
class Register:
    """One word at ``offset``; without ``fields`` the whole word is one number.

    Parameters
    ----------
    value : int, optional
        What it always reads, for a register that says what was built.
    """

    name: str
    offset: int
    access: Access
    meaning: str
    fields: tuple[Field, ...] = ()
    value: int | None = None

    @property
    def region_bytes(self) -> int:
        """Bytes that it takes."""
        return WORD_BYTES


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One index of a window, ``0 .. size - 1``."""

    name: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """Write-only words: ``rows`` rows of ``columns``, a row starting every ``stride`` words.

    Parameters
    ----------
    offset : int
        A multiple of :attr:`region_bytes`, so that an address splits into bits.
    outer : Axis, optional
        What a row is.
    inner : tuple of Axis
        What the columns are, row-major, without gaps.
    limits : IntRange
        Of a word's value; negative ones in two's complement, and the bits above are ignored.
    """

    name: str
    offset: int
    outer: Axis | None = None
    inner: tuple[Axis, ...]
    limits: IntRange
    meaning: str

    @property
    def access(self) -> Access:
        """Always write-only."""
        return Access.WRITE

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All indices, the outer one first."""
        return ((self.outer,) if self.outer else ()) + self.inner

    @property
    def rows(self) -> int:
        """Rows that exist."""
        return self.outer.size if self.outer else 1

    @property
    def columns(self) -> int:
        """Words of a row that exist."""
        return math.prod(axis.size for axis in self.inner)

    @property
    def stride(self) -> int:
        """Words from one row to the next: the power of two at or above :attr:`columns`."""
        return 1 << (self.columns - 1).bit_length()

    @property
    def region_words(self) -> int:
        """Words that the window decodes, a power of two; some of them do not exist."""
        return self.stride << (self.rows - 1).bit_length()

    @property
    def region_bytes(self) -> int:
        """Bytes that the window decodes."""
        return self.region_words * WORD_BYTES

    @property
    def index_strides(self) -> tuple[int, ...]:
        """Words from one value of each axis to the next."""
        inner = [math.prod(a.size for a in self.inner[n + 1 :]) for n in range(len(self.inner))]
        return ((self.stride,) if self.outer else ()) + tuple(inner)

    def address(self, *indices: int) -> int:
        """Byte address of one word, one index an axis.

        Raises
        ------
        IndexError
            If an index is missing or out of range.
        """
        for axis, index in zip(self.axes, indices, strict=True):
            if not 0 <= index < axis.size:
                raise IndexError(f"{self.name}: {axis.name} must be 0 to {axis.size - 1}")
        words = sum(s * i for s, i in zip(self.index_strides, indices, strict=True))
        return self.offset + WORD_BYTES * words


@dataclass(frozen=True, kw_only=True)
class RegisterMap:
    """All registers and windows, in ascending order of offset.

    Raises
    ------
    ValueError
        If two overlap or share a name, or an offset or a field does not fit.
    """

    registers: tuple[Register, ...]
    windows: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        entries = [*self.registers, *self.windows]
        if len({entry.name for entry in entries}) != len(entries):
            raise ValueError("two registers share a name")
        for entry in entries:
            if entry.offset % entry.region_bytes:
                raise ValueError(f"{entry.name}: offset {entry.offset:#x} is not aligned")
            if entry.offset + entry.region_bytes > 1 << ADDRESS_BITS:
                raise ValueError(f"{entry.name}: does not fit {ADDRESS_BITS} address bits")
        for low, high in pairwise(entries):
            if low.offset + low.region_bytes > high.offset:
                raise ValueError(f"{low.name} and {high.name} overlap or are out of order")
        for register in self.registers:
            _check_fields(register)

    def register(self, name: str) -> Register:
        """The register of that name, or KeyError."""
        return {register.name: register for register in self.registers}[name]

    def bits(self, register: str, *fields: str) -> int:
        """The word in which these fields of a register are all ones, or KeyError."""
        masks = {field.name: field.mask for field in self.register(register).fields}
        return sum(masks[field] for field in set(fields))

    def window(self, name: str) -> Window:
        """The window of that name, or KeyError."""
        return {window.name: window for window in self.windows}[name]

    def offset(self, name: str) -> int:
        """Byte offset of the register or window of that name, or KeyError."""
        return {entry.name: entry.offset for entry in (*self.registers, *self.windows)}[name]


def _check_fields(register: Register) -> None:
    used = 0
    for field in register.fields:
        if field.mask >> DATA_BITS or field.width < 1 or field.mask & used:
            raise ValueError(f"{register.name}.{field.name}: bits overlap or do not fit the word")
        used |= field.mask


def words_shown(offset: int, words: Iterable[tuple[str, int | None, str]]) -> Iterator[Register]:
    """Registers that are only read, one after the other from ``offset``.

    Each is (name, the value that it always has or None, meaning).
    """
    for n, (name, value, meaning) in enumerate(words):
        yield Register(
            name=name,
            offset=offset + WORD_BYTES * n,
            access=Access.READ,
            value=value,
            meaning=meaning,
        )
