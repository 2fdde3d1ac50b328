"""Lookups that run ahead of misses: what it gains on real images, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim.bulk import simulate
from sw import reference
from sw.configfile import load_config
from sw.images import load_images
from sw.reuse import predict

GAIN = 1.3
"""Pixels a cycle that it must give, times those of the blocking table."""


def test_more_pixels_a_cycle_with_the_same_multipliers(build_dir: Path) -> None:
    cycles = []
    for ahead in (0, 16):
        assignments = ["table.entries=64", f"table.look_ahead={ahead}"]
        config = load_config("cifar10-layer1", assignments=assignments)
        images = load_images("samples:cifar10:10", config)
        result = simulate(config, images, build_dir=build_dir)
        np.testing.assert_array_equal(result.y, reference.run(images, config))
        counted, predicted = result.counters.as_dict(), predict(images, config).as_dict()
        assert predicted["stall_cycles"] is None if ahead else predicted["stall_cycles"]
        for name, value in predicted.items():
            assert value in (None, counted[name]), name
        assert result.counters.cycles is not None
        cycles.append(result.counters.cycles)
    assert cycles[0] >= GAIN * cycles[1]
