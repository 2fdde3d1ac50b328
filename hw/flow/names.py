"""From the names that synthesis left to those that the user gave."""

from __future__ import annotations

import re

__all__ = ["block_of", "readable"]

_CELLS = (
    "LUT4|PFUMX|L6MUX21|CCU2C|TRELLIS_FF|TRELLIS_DPR16X4|DP16KD|PDPW16KD|MULT18X18D|ALU54B|"
    r"SB_LUT4|SB_CARRY|SB_DFF\w*?|SB_RAM40_4K\w*?|SB_MAC16"
)
# Yosys names what it makes after a signal nearby: NAME_LUT4_Z_3_B_CCU2C_COUT[2].
_MADE = re.compile(rf"_(?:{_CELLS})_(?:[A-Z]\w*)(?:\[\d+\])?$")
_BIT = re.compile(r"\[\d+\]$")


def readable(name: str) -> str:
    """The user's signal that ``name`` was made from, without the harness.

    ``dut.bank.sum_12_LUT4_Z_1_B_CCU2C_COUT`` is something before ``bank.sum_12``.
    """
    name = name.removeprefix("$PACKER_").removeprefix("dut.")
    made = _MADE.search(name)
    if made:
        # The first made cell in the name: everything before it is the signal.
        first = re.search(rf"_(?:{_CELLS})_[A-Z]", name)
        assert first
        name = name[: first.start()]
    return _BIT.sub("", name)


def block_of(signal: str) -> str:
    """The block that a :func:`readable` signal belongs to; empty for the top's own."""
    return signal.rpartition(".")[0]
