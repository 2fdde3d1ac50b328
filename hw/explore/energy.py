"""An energy proxy: operations and memory bits of a frame, times published energies of each.

What it is not: no power of this circuit in any technology. Clock tree, registers, wires, control
and leakage are left out, as is the multiplexing that folding needs; operations of all engines are
priced alike, at the one node of the table, but for the CAM's, which is of an older one. It ranks
engines that compute the same; the absolute figure means nothing.

Sources
-------
Horowitz, M.: Computing's energy problem (and what we can do about it), ISSCC 2014, figure 1.1.9,
45 nm, 0.9 V: an addition of 8 and of 32 bits 0.03 and 0.1 pJ, a multiplication of 8 and of 32 bits
0.2 and 3.1 pJ, 64 bits from an SRAM of 8 kB, 32 kB and 1 MB 10, 20 and 100 pJ.
Pagiamtzis, K., Sheikholeslami, A.: A low-power content-addressable memory (CAM) using pipelined
hierarchical search scheme, IEEE JSSC 39(9), 2004, 0.18 um, 1.8 V: 2.89 fJ for a bit and search.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from sw.config import SCATTER_STRATEGIES, EngineConfig

__all__ = ["addition_pj", "energy_of", "memory_bit_pj", "multiplication_pj"]

_ADD_8_PJ = 0.03
_MULTIPLY_8_PJ = 0.2
_MULTIPLY_32_PJ = 3.1
_SRAM_8KB_64_BITS_PJ = 10.0
_SRAM_BITS = 8 * 8192
_CAM_BIT_PJ = 2.89e-3


def addition_pj(bits: int) -> float:
    """Of so many bits: in proportion, from 8 bits (32 would be 0.12, published are 0.1)."""
    return _ADD_8_PJ * bits / 8


def multiplication_pj(a_bits: int, b_bits: int) -> float:
    """Of two operands: with the product of their widths (8 by 8 and 32 by 32 are published)."""
    return (_MULTIPLY_8_PJ / 64 + _MULTIPLY_32_PJ / 1024) / 2 * a_bits * b_bits


def memory_bit_pj(capacity_bits: int) -> float:
    """A bit read or written: with the square root of the capacity, as the published sizes are."""
    return _SRAM_8KB_64_BITS_PJ / 64 * sqrt(max(capacity_bits, 1) / _SRAM_BITS)


def energy_of(config: EngineConfig, row: Mapping[str, Any]) -> dict[str, float]:
    """Energy of a frame in nJ, by what takes it, and ``total``.

    Parameters
    ----------
    config : EngineConfig
    row : mapping
        ``counters`` and ``frames`` of a simulation, and ``bank_adders`` of the build.
    """
    layer, counters, frames = config.layer, row["counters"], row["frames"]
    x, w = layer.input_format.bits, layer.weight_format.bits
    _, height, width = layer.input_shape
    _, out_height, out_width = layer.output_shape
    product = layer.product_range.bits
    total = layer.product_range.scaled(layer.channels * layer.taps).bits
    learned = len(config.learned)
    sums = learned * layer.channels * layer.taps * out_height * out_width
    taps = learned * layer.taps
    executed = counters["multiplications_executed"] / frames
    lookups = (counters["lookups"] or 0) / frames
    misses = (counters["misses"] or 0) / frames
    search, store, row_bits = _table(config, x, w, product, taps)
    parts = {
        "multiply": executed * multiplication_pj(x, w),
        "add": sums * addition_pj(total)
        + row.get("bank_adders", 0) * height * width * addition_pj(total),
        "search": lookups * search,
        "products": (lookups + misses) * row_bits * memory_bit_pj(store),
        "weights": _weights_read(config, executed, w),
    }
    found = {name: round(pj / 1000, 3) for name, pj in parts.items()}
    return found | {"total": round(sum(parts.values()) / 1000, 3)}


def _table(config: EngineConfig, x: int, w: int, product: int, taps: int) -> tuple[float, int, int]:
    """(pJ of a search, bits of a memory of products, bits of what is read of it)."""
    table, strategy = config.table, config.strategy
    if strategy in ("direct", "constant") or not config.learned:
        return 0.0, 0, 0
    if strategy == "value_table":
        return 0.0, taps * product << x, taps * product
    if strategy == "split_table":
        digits = -(-x // table.digit_bits)
        word = w + min(table.digit_bits, x)
        return 0.0, taps * word << table.digit_bits, digits * taps * word
    key = x + w if strategy == "pair_cam" else x
    row_bits = product if strategy == "pair_cam" else taps * product
    return _search(table, key), table.entries * row_bits, row_bits


def _search(table: Any, key: int) -> float:
    """Energy in pJ to find a key: compare with all, read match lines, or read a set's tags."""
    if table.organisation == "registers":
        return table.entries * key * _CAM_BIT_PJ
    if table.organisation == "memory":
        parts = -(-key // 8)
        return parts * table.entries * memory_bit_pj(table.entries << min(key, 8))
    tag = key - (table.sets.bit_length() - 1)
    return table.ways * tag * memory_bit_pj(table.sets * tag)


def _weights_read(config: EngineConfig, executed: float, w: int) -> float:
    """pJ: a weight a multiplication, from the memory of all, where they are not in registers."""
    folded = config.fold.cycles > 1 or config.strategy in SCATTER_STRATEGIES
    if config.strategy == "constant" or not folded or not config.learned:
        return 0.0
    layer = config.layer
    return executed * w * memory_bit_pj(len(config.learned) * layer.channels * layer.taps * w)
