"""Strategy ``split_table``: as ``value_table``, with the value cut into parts, a table each."""

from __future__ import annotations

from hw.strategies.value_table import ValueTable
from sw.config import EngineConfig

__all__ = ["SplitTable"]


class SplitTable(ValueTable):
    """Look the parts of a value up, ``table.digit_bits`` bits each, and add their products.

    ``x * w = sum of (digit[d] * w) << (d * digit_bits)``, the top digit signed if x is. Where the
    value is no wider than a digit, this is :class:`~hw.strategies.value_table.ValueTable`.
    """

    def __init__(self, config: EngineConfig) -> None:
        bits = config.layer.input_format.bits
        super().__init__(config, digit_bits=min(config.table.digit_bits, bits))
