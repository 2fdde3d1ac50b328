"""Template kernels: banks of two-valued or ternary patterns, and finding them in given weights.

A template kernel is ``A * pattern`` with one positive integer magnitude ``A`` and a pattern of
-1, 0 and +1: additions alone compute it. The paper's bank is HLAC-25 (its section on kernel
templating); a user's own bank is a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "BANK_FOLDER",
    "BankError",
    "Pattern",
    "TemplateKernel",
    "find_template",
    "find_templates",
    "hlac25",
    "load_bank",
    "local_binary_patterns",
    "named_bank",
]

Pattern = npt.NDArray[np.int8]
"""Values -1, 0, +1; shape (C, kh, kw) for one kernel."""

BANK_FOLDER = Path(__file__).parent / "banks"
"""Bank files that are known by name."""


class BankError(ValueError):
    """A bank file that cannot be used; the message names the file, the field and the remedy."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TemplateKernel:
    """A kernel that is ``magnitude * pattern``.

    Parameters
    ----------
    magnitude : int
        A, positive, in units of the weight format.
    pattern : Pattern, shape (C, kh, kw)
        At least two cells are not zero.
    """

    magnitude: int
    pattern: Pattern

    @property
    def same_in_all_channels(self) -> bool:
        """Whether one mask serves every channel, so that the channels can be summed first."""
        return bool((self.pattern == self.pattern[:1]).all())

    def channel_groups(self) -> Iterator[tuple[tuple[int, ...], Pattern]]:
        """The channels that share a mask, as (channels, mask (kh, kw)); empty masks left out."""
        groups: dict[bytes, list[int]] = {}
        for channel, mask in enumerate(self.pattern):
            if mask.any():
                groups.setdefault(mask.tobytes(), []).append(channel)
        for channels in groups.values():
            yield tuple(channels), self.pattern[channels[0]]


def find_template(kernel: npt.ArrayLike) -> TemplateKernel | None:
    """The template that ``kernel`` is exactly, or None.

    Parameters
    ----------
    kernel : array of int, shape (C, kh, kw)

    Notes
    -----
    Two values +A and -A, or 0 and one or both of them. A kernel with fewer than two non-zero
    cells is not called a template: nothing would be added, and it stays loadable at run time.
    """
    cells = np.asarray(kernel, dtype=np.int64)
    values = np.unique(np.abs(cells[cells != 0]))
    if values.size != 1 or np.count_nonzero(cells) < 2:
        return None
    return TemplateKernel(magnitude=int(values[0]), pattern=np.sign(cells).astype(np.int8))


def find_templates(weight: npt.ArrayLike) -> tuple[TemplateKernel | None, ...]:
    """:func:`find_template` for each of ``weight``'s kernels, shape (K, C, kh, kw)."""
    return tuple(find_template(kernel) for kernel in np.asarray(weight))


def hlac25() -> Pattern:
    """The 25 HLAC patterns, shape (25, 3, 3): black +1, white -1."""
    return load_bank(BANK_FOLDER / "hlac25.json")


def local_binary_patterns() -> Pattern:
    """The 8 local binary patterns, shape (8, 3, 3): a neighbour minus the centre.

    The neighbours go clockwise from the top left, as in Ojala et al. (2002).
    """
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    patterns = np.zeros((len(ring), 3, 3), dtype=np.int8)
    patterns[:, 1, 1] = -1
    for index, (row, column) in enumerate(ring):
        patterns[index, row, column] = 1
    return patterns


def named_bank(name: str) -> Pattern:
    """A bank by name (``lbp``, or a file of ``sw/banks``) or by the path of a bank file.

    Raises
    ------
    BankError
        If the name is neither.
    """
    if name == "lbp":
        return local_binary_patterns()
    if name.endswith(".json"):
        return load_bank(Path(name))
    ours = {path.stem: path for path in BANK_FOLDER.glob("*.json")}
    if name in ours:
        return load_bank(ours[name])
    raise BankError(
        f"bank {name!r} is unknown: use lbp, {', '.join(sorted(ours))} or the path of a .json bank "
        "file"
    )


def load_bank(path: Path) -> Pattern:
    """A bank file's patterns of -1, 0, +1, shape (N, kh, kw), or (N, C, kh, kw).

    The file is JSON with either ``patterns`` (N lists of rows of -1, 0, 1, or N lists of C such
    lists where channels differ), or ``shape`` (kh, kw), ``black`` (N strings of 0 and 1, row by
    row) and ``white`` (the value of a 0: -1 or 0).

    Raises
    ------
    BankError
        If the file cannot be read or a field is wrong.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BankError(f"{path}: not a readable JSON bank file: {error}") from error
    if not isinstance(data, dict) or not ({"patterns", "black"} & data.keys()):
        raise BankError(f"{path}: expected an object with the field 'patterns' or 'black'")
    try:
        patterns = np.array(data["patterns"]) if "patterns" in data else _from_masks(data)
    except (TypeError, ValueError, KeyError) as error:
        raise BankError(f"{path}: fields do not form N patterns of kh x kw: {error}") from error
    if patterns.ndim not in (3, 4) or not np.isin(patterns, (-1, 0, 1)).all():
        raise BankError(f"{path}: patterns must be (N, kh, kw) or (N, C, kh, kw) of -1, 0 and 1")
    return patterns.astype(np.int8)


def _from_masks(data: dict[str, Any]) -> npt.NDArray[np.generic]:
    rows, columns = data["shape"]
    white = data.get("white", -1)
    if white not in (-1, 0):
        raise ValueError(f"white must be -1 or 0, not {white!r}")
    for word in data["black"]:
        if len(word) != rows * columns or set(word) - {"0", "1"}:
            raise ValueError(f"{word!r} in black is not {rows * columns} digits 0 or 1")
    cells = np.array([[int(cell) for cell in word] for word in data["black"]])
    return np.where(cells == 1, 1, white).reshape(-1, rows, columns)
