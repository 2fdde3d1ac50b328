"""What only the RTL can say: runs in Verilator whose results ``docs/measured.json`` keeps.

Minutes, mostly the compiler's. What the golden model can say as well is compared here, so that
the documents may call it verified.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sim.bulk import SimulationResult, simulate
from sw import reference
from sw.config import EngineConfig
from sw.configfile import config_names, load_config
from sw.images import Images, load_images
from sw.reuse import predict

__all__ = ["MEASURED", "PREFIXES", "frames_of", "load_measured", "measure"]

MEASURED = Path(__file__).parents[1] / "measured.json"
PREFIXES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Frames after which the counters of the paper's layer are read, for the plot."""
_PLOTTED = {256: PREFIXES, 64: (1, 10, 100)}
"""Entries of the tables, and the frames after which their counters are read."""
_WARM = 100
"""Frames at the end of a run that count as warm."""
_SAMPLES = {1: "mnist", 3: "cifar10"}


def frames_of(config: EngineConfig) -> tuple[str, Images]:
    """Real images for a named configuration, and what they are called."""
    channels, height, width = config.layer.input_shape
    name = _SAMPLES.get(channels, "cifar10")
    images = _samples(name)
    if images.shape[1:] == config.layer.input_shape:
        return f"samples:{name}", images
    cropped = np.ascontiguousarray(images[:, :channels, :height, :width])
    return f"samples:{name}, {channels} channels, top left {height}x{width}", cropped


@cache
def _samples(name: str) -> Images:
    return load_images(f"samples:{name}", load_config(f"{name}-layer1"))


def load_measured() -> dict[str, Any]:
    """The results that the repository has."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def measure(say: Callable[[str], None]) -> None:
    """Run everything again and rewrite ``docs/measured.json``.

    Raises
    ------
    ValueError
        If an output or a counter of the RTL is not the golden model's.
    """
    found: dict[str, Any] = {"configurations": {}, "reuse": {}}
    for name in config_names():
        say(name)
        found["configurations"][name] = _configuration(load_config(name))
    for entries, prefixes in _PLOTTED.items():
        config = load_config("cifar10-layer1", assignments=[f"table.entries={entries}"])
        images = frames_of(config)[1]
        points = found["reuse"][str(entries)] = []
        for count in prefixes:
            say(f"{entries} entries, {count} frames")
            points.append([count, _checked(config, images[:count]).counters.as_dict()])
    MEASURED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _configuration(config: EngineConfig) -> dict[str, Any]:
    where, images = frames_of(config)
    result = _checked(config, images)
    return {
        "images": where,
        "outputs_compared": result.y.size,
        "counters": result.counters.as_dict(),
        "first_frame_cycles": int(result.frame_cycles[0]),
        "warm_frame_cycles": float(result.frame_cycles[-_WARM:].mean()),
    }


def _checked(config: EngineConfig, images: Images) -> SimulationResult:
    """Simulate, and compare with the golden model all that it knows."""
    result = simulate(config, images)
    differ = int((result.y != reference.run(images, config)).sum())
    if differ:
        raise ValueError(f"{config.name}: {differ} of {result.y.size} outputs differ")
    expected = predict(images, config).as_dict()
    wrong = {
        name: (value, expected[name])
        for name, value in result.counters.as_dict().items()
        if name != "cycles" and value != expected[name]
    }
    if wrong:
        raise ValueError(f"{config.name}: counters (RTL, model): {wrong}")
    return result
