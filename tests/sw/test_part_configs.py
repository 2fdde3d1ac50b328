"""Configurations of an engine's parts: what is refused."""

import pytest

from sw.part_configs import FoldConfig, LanesConfig, OutputConfig, TableConfig
from tests.sw.configs import refused, small


@pytest.mark.parametrize(
    ("cls", "fields", "message"),
    [
        (TableConfig, {"entries": 0}, "table.entries must be 1 to 1024, not 0"),
        (TableConfig, {"entries": 1025}, "table.entries must be 1 to 1024, not 1025"),
        (
            TableConfig,
            {"organisation": "x"},
            "table.organisation must be one of registers, memory, set_associative, not 'x'",
        ),
        (
            TableConfig,
            {"replacement": "mru"},
            "table.replacement must be one of fifo, plru, lru, random, not 'mru'",
        ),
        (TableConfig, {"digit_bits": 0}, "table.digit_bits must be 1 to 12, not 0"),
        (TableConfig, {"digit_bits": 13}, "table.digit_bits must be 1 to 12, not 13"),
        (TableConfig, {"ways": 0}, "table.ways must be 1 to 64, not 0"),
        (TableConfig, {"ways": 65}, "table.ways must be 1 to 64, not 65"),
        (TableConfig, {"look_ahead": -1}, "table.look_ahead must be 0 to 256, not -1"),
        (TableConfig, {"look_ahead": 257}, "table.look_ahead must be 0 to 256, not 257"),
        (
            TableConfig,
            {"organisation": "set_associative", "entries": 10},
            "table.entries must be table.ways times a power of two, not 10 with 4 ways",
        ),
        (
            TableConfig,
            {"organisation": "set_associative", "entries": 12},
            "table.entries must be table.ways times a power of two, not 12 with 4 ways",
        ),
        (
            TableConfig,
            {"replacement": "plru", "entries": 12},
            (
                "table.replacement = plru needs a power of two of table.entries, not 12; "
                "fifo takes any"
            ),
        ),
        (
            TableConfig,
            {
                "replacement": "random",
                "organisation": "set_associative",
                "entries": 12,
                "ways": 3,
            },
            "table.replacement = random needs a power of two of table.ways, not 3; fifo takes any",
        ),
        (
            TableConfig,
            {"replacement": "lru", "entries": 17},
            "table.replacement = lru needs at most 16 table.entries, not 17; plru takes more",
        ),
        (
            TableConfig,
            {"multipliers": 3},
            "table.multipliers must be a power of two, 1 to 64, not 3",
        ),
        (
            TableConfig,
            {"multipliers": 128},
            "table.multipliers must be a power of two, 1 to 64, not 128",
        ),
        (OutputConfig, {"kind": "x"}, "output.kind must be exact or requantise, not 'x'"),
        (OutputConfig, {"queue": "x"}, "output.queue must be registers or memory, not 'x'"),
        (OutputConfig, {"bits": 0}, "output.bits must be 1 to 32, not 0"),
        (OutputConfig, {"shift": 48}, "output.shift must be 0 to 47, not 48"),
        (OutputConfig, {"scale_bits": 17}, "output.scale_bits must be 0 to 16, not 17"),
        (FoldConfig, {"channels": 0}, "fold.channels must be at least 1, not 0"),
    ],
)
def test_a_bad_setting_is_refused(cls, fields, message):
    assert refused(cls, **fields) == message


@pytest.mark.parametrize("multipliers", [-1, 4097])
def test_lanes_have_no_fewer_multipliers_than_none(multipliers):
    expected = f"lanes.multipliers must be 0 to 4096, not {multipliers}"
    assert refused(LanesConfig, multipliers=multipliers) == expected
    assert small(strategy="direct", lanes=LanesConfig(multipliers=0)).lanes.multipliers == 0
