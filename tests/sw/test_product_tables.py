"""What the strategies of product tables count: every value of every position that is covered."""

import numpy as np
import pytest

from sw.config import EngineConfig
from sw.numeric import FixedFormat
from sw.part_configs import TableConfig
from sw.reuse import predict
from sw.spec import LayerSpec, Padding


def counted(strategy, *, bits=8, digit_bits=4):
    """The counters of two frames of 3 channels, 4 x 6 with padding, stride 2 and 1 x 2 kernels."""
    layer = LayerSpec(
        weight=np.full((2, 3, 1, 2), 5),
        input_shape=(3, 4, 5),
        input_format=FixedFormat(bits=bits, frac=0, signed=False),
        stride=(2, 2),
        padding=Padding.of((0, 1, 0, 0)),
    )
    config = EngineConfig(
        name="test",
        layer=layer,
        templates="none",
        strategy=strategy,
        table=TableConfig(digit_bits=digit_bits),
    )
    return predict(np.ones((2, 3, 4, 5), np.int64), config)


@pytest.mark.parametrize(
    ("strategy", "bits", "digit_bits", "parts"),
    [
        ("value_table", 8, 4, 1),
        ("split_table", 8, 4, 2),
        ("split_table", 8, 3, 3),
        ("split_table", 8, 8, 1),
        ("split_table", 16, 5, 4),
    ],
)
def test_every_part_of_every_covered_value_is_found(strategy, bits, digit_bits, parts):
    """Of the 4 rows every other is covered, and all of its 6 columns."""
    counters = counted(strategy, bits=bits, digit_bits=digit_bits)
    assert counters.lookups == counters.hits == 2 * 2 * 6 * 3 * parts
    assert counters.misses == counters.multiplications_executed == counters.stall_cycles == 0
    assert counters.multiplications_needed == 2 * (2 * 3 * 2) * (2 * 3)
