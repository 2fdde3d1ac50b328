"""From the names that synthesis left to those that the user gave."""

from __future__ import annotations

import re

__all__ = ["block_of", "readable"]

_CELLS = (
    "LUT4|PFUMX|L6MUX21|CCU2C|TRELLIS_FF|TRELLIS_DPR16X4|DP16KD|PDPW16KD|MULT18X18D|ALU54B|"
    r"SB_LUT4|SB_CARRY|SB_DFF\w*?|SB_RAM40_4K\w*?|SB_MAC16"
)
# Yosys names a cell that it made after a signal nearby, NAME_LUT4_Z_3_B_CCU2C_COUT; a $ begins
# what nextpnr adds, or a signal of Amaranth's own; the words of a memory are numbered, NAME.0.12.
_MADE = re.compile(rf"_(?:{_CELLS})_[A-Z].*$|\.?\$.*$|(?:\.\d+)+(?:_[A-Z]\w*)?$|\[\d+\]$")


def readable(name: str) -> str:
    """The user's signal that ``name`` was made from, without the harness.

    >>> readable("dut.bank.sum_12_LUT4_Z_1_B_CCU2C_COUT$CCU2_COMB1")
    'bank.sum_12'
    >>> readable("dut.bank.delay_4.ring_24.0.3$DPRAM_COMB1")
    'bank.delay_4.ring_24'
    """
    name = name.removeprefix("$PACKER_").removeprefix("dut.")
    while (short := _MADE.sub("", name)) not in ("", name):
        name = short
    return name


def block_of(signal: str) -> str:
    """The block that a :func:`readable` signal belongs to; empty for the top's own."""
    return signal.rpartition(".")[0]
