"""One engine measured, by the commands that a user has too: foretold, simulated, synthesised."""

from __future__ import annotations

import json
import os
import shlex
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hw.flow.asic import find_liberty
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.registers import COUNTERS

from .command import CommandError, run_command
from .energy import energy_of
from .inputs import Inputs
from .space import Point

__all__ = ["Limits", "blank_row", "config_of", "evaluate", "point_bits", "rebuild_command"]

DEFAULT_TARGET = "ecp5"
_KNOWN_BY = 0.9
"""Share of its time after which place and route is to end with what is known."""
_AREA = ("lut4_eq", "lut", "carry", "ff", "dsp", "bram", "um2", "gates")
_APART = {"frames", "cycles", "frame_errors", "table_errors"}
_COUNTERS = tuple(name for name in COUNTERS if name not in _APART)
"""What is foretold, so far as it is defined without time, and then counted by the RTL."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long and how far a point is measured.

    Parameters
    ----------
    simulation, build : float
        Seconds for each of these commands.
    seeds : int
        Of place and route; 0: synthesis alone.
    """

    simulation: float = 600
    build: float = 1200
    seeds: int = 0


def blank_row(point: Point) -> dict[str, Any]:
    """What is known of a point before anything ran.

    ``state`` becomes ``measured``, ``impossible`` (there is no such engine) or ``failed``;
    ``reason`` says why it is not the first.
    """
    return {
        "key": point.key,
        "settings": dict(point.settings),
        "target": str(point.get("target") or DEFAULT_TARGET),
        "chosen": None,
        "state": "failed",
        "reason": None,
        "predicted": dict.fromkeys(_COUNTERS),
        "counters": dict.fromkeys(_COUNTERS),
        "frames": None,
        "cycles": None,
        "pixels_per_cycle": None,
        "outputs_compared": None,
        "executed": None,
        "hit_rate": None,
        "area": dict.fromkeys(_AREA),
        "fmax_mhz": None,
        "energy_nj": None,
        "switching_nj": None,
        "seconds": {},
        "worker": None,
    }


def config_of(point: Point, inputs: Inputs) -> EngineConfig:
    """The engine of a point.

    Raises
    ------
    ConfigError
        If there is none.
    """
    folder = inputs.unpack()
    return load_config(
        _config_argument(inputs, folder),
        model=folder / f"layer-{point_bits(point, inputs)}.npz",
        assignments=point.assignments,
    )


def point_bits(point: Point, inputs: Inputs) -> int:
    """Bits of an input of a point's engine."""
    return int(point.get("input_bits") or inputs.bits)


def evaluate(point: Point, inputs: Inputs, limits: Limits) -> dict[str, Any]:
    """Everything about a point; a row of the store.

    Returns
    -------
    dict
        As :func:`blank_row` with what was found; what a command could not do is in its ``reason``.

    Raises
    ------
    ConfigError
        If there is no such engine.
    """
    row = blank_row(point) | {"worker": f"{socket.gethostname()}:{os.getpid()}"}
    config = config_of(point, inputs)
    if config.auto is not None:
        row["chosen"] = config.auto.text
    with tempfile.TemporaryDirectory(prefix="katazome-point-") as folder:
        measurement = _Measurement(point, inputs, limits, Path(folder), row)
        try:
            measurement.foretell()
            measurement.simulate(config)
            measurement.build()
            measurement.switch()
        except CommandError as error:
            return row | {"reason": str(error)}
    if row["reason"] is None:
        row |= {"state": "measured", "energy_nj": energy_of(config, row)}
    return row


def rebuild_command(point: Point, config: str, model: str | None = None) -> str:
    """What a user types to build the engine of a point."""
    words = ["python", "-m", "hw.build", "--config", config]
    words += ["--target", str(point.get("target") or DEFAULT_TARGET)]
    words += ["--model", model] if model else []
    for assignment in point.assignments:
        words += ["--set", assignment]
    if device := point.get("device"):
        words += ["--device", str(device)]
    return shlex.join(words)


class _Measurement:
    """The steps for one point, in a folder of their own; they fill its row."""

    def __init__(
        self, point: Point, inputs: Inputs, limits: Limits, folder: Path, row: dict[str, Any]
    ) -> None:
        self.point, self.inputs, self.limits = point, inputs, limits
        self.folder, self.row = folder, row
        self.files = inputs.unpack()

    def foretell(self) -> None:
        """What the golden model counts and puts out."""
        self.row["seconds"]["foretell"] = self._stream("sw.reference", "golden")
        self.row["predicted"] = self._counters("golden")

    def simulate(self, config: EngineConfig) -> None:
        """What the RTL counts and puts out; what differs is an error."""
        self.row["seconds"]["simulate"] = self._stream("sim.run", "rtl")
        counted = self._counters("rtl")
        whole = json.loads((self.folder / "rtl.json").read_text(encoding="utf-8"))
        frames, cycles = whole["frames"], whole["cycles"]
        _, height, width = config.layer.input_shape
        needed, lookups = counted["multiplications_needed"], counted["lookups"]
        self.row |= {
            "counters": counted,
            "frames": frames,
            "cycles": cycles,
            "pixels_per_cycle": round(frames * height * width / cycles, 5),
            "executed": counted["multiplications_executed"] / needed if needed else None,
            "hit_rate": counted["hits"] / lookups if lookups else None,
        }
        self._compare()

    def build(self) -> None:
        """Area, and Fmax if it is placed and routed."""
        target = self.row["target"]
        arguments = [*self._engine(), "--target", target, "--out", str(self.folder / "build")]
        if target in ("ecp5", "ice40"):
            arguments += ["--seeds", str(self.limits.seeds), "--jobs", "1"]
            if self.limits.seeds:
                arguments += ["--timeout", f"{_KNOWN_BY * self.limits.build:g}"]
        if device := self.point.get("device"):
            arguments += ["--device", str(device)]
        limit = self.limits.build
        self.row["seconds"]["build"] = run_command("hw.build", arguments, timeout=limit)
        report = json.loads((self.folder / "build/report.json").read_text(encoding="utf-8"))
        self.row["area"] = {name: report["area"].get(name) for name in _AREA}
        self.row["fmax_mhz"] = report["fmax_mhz"]["median"]
        self.row["bank_adders"] = report["bank_adders"]

    def switch(self) -> None:
        """What the switching of standard cells takes on one image, where their library is."""
        if self.row["target"] != "asic" or find_liberty() is None:
            return
        image, found = self.folder / "image.npy", self.folder / "switching.json"
        np.save(image, np.load(self._images())[:1])
        arguments = [*self._engine(), "--images", str(image), "--json", str(found)]
        limit = self.limits.simulation
        self.row["seconds"]["switch"] = run_command("sim.activity", arguments, timeout=limit)
        self.row["switching_nj"] = json.loads(found.read_text(encoding="utf-8"))["energy_nj"]

    def _compare(self) -> None:
        golden, rtl = (np.load(self.folder / f"{name}.npz")["y"] for name in ("golden", "rtl"))
        problems = [
            f"{name}: the RTL counts {self.row['counters'][name]:,}, foretold were {foretold:,}"
            for name, foretold in self.row["predicted"].items()
            if foretold is not None and self.row["counters"][name] != foretold
        ]
        different = int((golden != rtl).sum())
        if different:
            problems.append(f"{different:,} of {rtl.size:,} outputs differ from the golden model")
        self.row["outputs_compared"] = int(rtl.size)
        self.row["reason"] = "; ".join(problems) or None

    def _counters(self, name: str) -> dict[str, Any]:
        found = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        return {counter: found[counter] for counter in _COUNTERS}

    def _stream(self, module: str, name: str) -> float:
        arguments = [*self._engine(), "--images", str(self._images())]
        arguments += ["--out", str(self.folder / f"{name}.npz")]
        arguments += ["--json", str(self.folder / f"{name}.json")]
        return run_command(module, arguments, timeout=self.limits.simulation)

    def _images(self) -> Path:
        return self.files / f"images-{point_bits(self.point, self.inputs)}.npy"

    def _engine(self) -> list[str]:
        model = self.files / f"layer-{point_bits(self.point, self.inputs)}.npz"
        words = ["--config", _config_argument(self.inputs, self.files), "--model", str(model)]
        for assignment in self.point.assignments:
            words += ["--set", assignment]
        return words


def _config_argument(inputs: Inputs, folder: Path) -> str:
    return str(folder / inputs.config) if inputs.config in inputs.files else inputs.config
