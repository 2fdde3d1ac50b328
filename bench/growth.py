"""How cost grows: the template bank and an engine, one dimension at a time; synthesis alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from hw.flow import FlowError, FlowTimeoutError, MissingToolError, load_family, synthesise
from hw.flow.progress import announce
from hw.targets import TOP
from sw.config import EngineConfig
from sw.numeric import FixedFormat, IntArray
from sw.part_configs import TableConfig
from sw.spec import LayerSpec

from .design import Design, Verified
from .fit import fit_law
from .measure import kept, not_in, one_line, tools
from .ours import rtlil_text
from .parallel import in_parallel

__all__ = ["POINTS", "Size", "growth_config", "measure_growth", "template_masks"]

_SEED = 2026
_LIMIT = 300.0
"""Seconds for the synthesis of a point."""
_LEARNED, _OF = 7, 32
"""Learned kernels of the engine, out of so many: the paper's."""

POINTS: dict[str, dict[str, tuple[int, ...]]] = {
    "kernels": {
        "bank": (8, 16, 32, 64, 128, 256),
        "templates": (8, 32, 128, 256),
        "learned": (8, 16, 32, 64),
    },
    "channels": {
        "bank": (1, 3, 8, 16, 32, 64),
        "templates": (1, 3, 16, 64),
        "learned": (1, 3, 6),
    },
    "width": {
        "bank": (28, 64, 160, 320, 640, 1920),
        "templates": (28, 64, 320, 1920),
        "learned": (28, 64, 320, 1920),
    },
    "bits": {
        "bank": (4, 6, 8, 10, 12, 16),
        "templates": (4, 8, 12, 16),
        "learned": (4, 8, 12),
    },
}
"""By dimension and design. An engine has an adder for each learned product, so it stops earlier."""

_TITLES = {
    "bank": "template bank",
    "templates": "engine, templates alone",
    "learned": "engine, 7 of 32 kernels learned",
}

TEXT = """\
LUT4-eq by synthesis alone of the template bank (random two-valued masks, the same in all channels,
the magnitude left to the scale), of the engine with templates alone, and of the full-rate engine
with 7 of 32 kernels learned (a CAM of 16 entries a channel, 8 multipliers): 32 kernels, 3 channels,
32 pixels a row, 8 bits, but for what is varied. The law, a line or a power, is the nearer one. The
engine with learned kernels has an adder for each of their products: its sweeps end earlier. Long
lines become block memories, which are not in the LUT4-eq."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """A layer's dimensions."""

    kernels: int = 32
    channels: int = 3
    width: int = 32
    bits: int = 8


def template_masks(count: int) -> IntArray:
    """Distinct two-valued 3x3 masks, no two of them opposite, shape (count, 3, 3)."""
    numbers = np.random.default_rng(_SEED).permutation(256)[:count]
    cells = (numbers[:, np.newaxis] >> np.arange(9)) & 1
    return np.where(cells == 1, 1, -1).reshape(-1, 3, 3).astype(np.int64)


def growth_config(design: str, size: Size) -> EngineConfig:
    """The configuration of a point: ``design`` is ``"bank"``, ``"templates"`` or ``"learned"``."""
    learned = max(1, size.kernels * _LEARNED // _OF) if design == "learned" else 0
    masks = template_masks(size.kernels - learned)[:, np.newaxis]
    shape = (learned, size.channels, 3, 3)
    drawn = np.random.default_rng(_SEED).integers(-100, 101, shape)
    weight = np.concatenate([np.repeat(masks, size.channels, axis=1) * 148, drawn])
    layer = LayerSpec(
        weight=weight,
        input_shape=(size.channels, 32, size.width),
        input_format=FixedFormat(bits=size.bits, frac=size.bits, signed=False),
        weight_format=FixedFormat(bits=9, frac=8, signed=True),
    )
    return EngineConfig(
        name=f"{design} of {size}",
        layer=layer,
        top="template_bank" if design == "bank" else "engine",
        template_scale="defer",
        table=TableConfig(entries=16, multipliers=8),
    )


def measure_growth(limit: float | None = None, *, jobs: int) -> dict[str, Any]:
    """Every sweep, as in ``bench.json``; what fails is a point with its error.

    Parameters
    ----------
    limit : float, optional
        Seconds for the synthesis of a point.
    jobs : int
        Points at a time.
    """
    most = _LIMIT if limit is None else min(limit, _LIMIT)
    asked = [
        (name, design, n)
        for name, designs in POINTS.items()
        for design, numbers in designs.items()
        for n in numbers
    ]
    found = {}
    for at, point in in_parallel(partial(_point, limit=most), asked, jobs=jobs):
        name, design, n = asked[at]
        said = point["errors"] or f"{point['lut4_eq']:,} LUT4-eq"
        announce(f"[growth {len(found) + 1}/{len(asked)}] {design}, {name} {n}: {said}")
        found[name, design, n] = {"n": n} | point
    sweeps = {
        name: {
            "dimension": name,
            "series": [
                {"title": _TITLES[design]} | _series([found[name, design, n] for n in numbers])
                for design, numbers in designs.items()
            ],
        }
        for name, designs in POINTS.items()
    }
    return {"text": TEXT, "sweeps": sweeps}


def _series(points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = [(p["n"], p["lut4_eq"]) for p in points if p["lut4_eq"]]
    return {"points": points, "law": fit_law(known).stored() if len(known) > 1 else None}


def _point(asked: tuple[str, str, int], limit: float = _LIMIT) -> dict[str, Any]:
    """Of a dimension, a design, and a number."""
    name, design, n = asked
    size = replace(Size(), **{name: n})
    config = growth_config(design, size)
    whole = Design(top=TOP, sources={f"{TOP}.il": rtlil_text(config)}, verify=_never)

    def make() -> dict[str, Any]:
        point: dict[str, Any] = {"lut4_eq": None, "ff": None, "bram": None, "errors": []}
        try:
            area = synthesise(
                whole.sources, top=TOP, family=load_family("ecp5"), timeout=limit
            ).area
        except MissingToolError:
            raise
        except FlowTimeoutError:
            return point | {"errors": [not_in(limit, "synthesised")]}
        except FlowError as error:
            return point | {"errors": [one_line(error)]}
        return point | {name: area[name] for name in ("lut4_eq", "ff", "bram")}

    return kept(whole.key, "growth", make, whole_try=limit == _LIMIT, limit=_LIMIT, tools=tools())


def _never(_: Design) -> Verified:
    raise AssertionError("a point of a sweep is synthesised alone")
