"""report.json and summary.txt of a network: what was built, layer by layer, and what it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hw.targets import Product
from sw.network.chips import Cost
from sw.network.graph import ArgMax, Conv, Layer
from sw.network.plan import EnginePlan, LayerPlan, plans_of
from sw.network.planner import Plan, stages_of
from sw.registers import VERSION

__all__ = ["network_report", "network_summary"]

_AREA = ("lut4_eq", "lut", "carry", "ff", "dsp", "bram")
_UNITS = {"lut4_eq": "LUT4-eq", "ff": "flip-flops", "dsp": "multipliers", "bram": "block memories"}


def network_report(plan: Plan, product: Product, *, target: str) -> dict[str, Any]:
    """The report of one build, ready for JSON.

    ``cycles_per_frame`` is for pixels that always come and outputs that are always taken. A layer's
    ``cycles`` are those in which it has work in a frame, its ``estimate`` what the planner foretold
    of its area. ``frames_per_second`` is at the median Fmax, ``planned`` at the clock planned for.
    """
    config, network = plan.config, plan.config.network
    median = product.fmax_mhz.get("median")
    computing = [layer for layer in network.layers if not isinstance(layer, ArgMax)]
    rows = zip(computing, plans_of(config), stages_of(config), strict=True)
    return {
        "network": {
            "name": config.name,
            "board": config.board,
            "rate": config.rate,
            "input_shape": list(network.input_shape),
            "output_shape": list(network.output_shape),
            "classifies": network.classifies,
            "sha256": network.digest,
            "remarks": list(config.remarks),
        },
        "target": target,
        "device": product.device,
        "layers": [
            _layer(layer, how, stage.cycles, plan.costs[layer.name]) for layer, how, stage in rows
        ],
        "planned": {"clock_mhz": plan.clock_mhz, "frames_per_second": plan.rate},
        "area": dict.fromkeys(_AREA) | dict(product.area),
        "fmax_mhz": dict.fromkeys(("seeds", "median")) | dict(product.fmax_mhz),
        "fmax_estimated_mhz": list(product.estimated_mhz) or None,
        "critical_path": [dict(step) for step in product.critical_path],
        "timed_out": product.timed_out,
        "cycles_per_frame": plan.cycles,
        "macs_per_cycle": network.multiplications / plan.cycles,
        "frames_per_second": median * 1e6 / plan.cycles if isinstance(median, float) else None,
        "notes": [*product.notes, *config.remarks],
        "tools": {"katazome": ".".join(map(str, VERSION)), **product.tools},
    }


def _layer(layer: Layer, how: LayerPlan, cycles: int, cost: Cost) -> dict[str, Any]:
    """One layer's row."""
    row: dict[str, Any] = {
        "name": layer.name,
        "kind": type(layer).__name__,
        "input_shape": list(layer.input_shape),
        "output_shape": list(layer.output_shape),
        "multiplications": layer.multiplications,
        "cycles": cycles,
        "estimate": {
            "lut": round(cost.lut),
            "dsp": cost.dsp,
            "bram": cost.bram,
        },
    }
    if isinstance(how, EnginePlan):
        engine = how.config
        learned = bool(engine.learned)
        row["engine"] = {
            "templates": len(engine.template_kernels),
            "learned": len(engine.learned),
            "strategy": engine.strategy if learned else None,
            "bank": engine.bank if engine.template_kernels else None,
            "fold": dataclasses.asdict(engine.fold) if learned else None,
        }
    else:
        row["macs" if isinstance(layer, Conv) or layer.multiplications else "pool"] = (
            dataclasses.asdict(how)
        )
    return row


def network_summary(report: Mapping[str, Any]) -> str:
    """summary.txt: the report for people."""
    network = report["network"]
    chip = f"{report['target']} {report['device'] or ''}".strip()
    lines = [f"{network['name']}, {chip}"]
    for row in report["layers"]:
        shape = "x".join(map(str, row["output_shape"]))
        lines.append(f"  {row['name']:<10} {shape:<10} {row['cycles']:>9,} cycles  {_how(row)}")
    area = [
        f"{v:,} {_UNITS[k]}" for k, v in report["area"].items() if k in _UNITS and v is not None
    ]
    if area:
        lines.append(f"  {'area':<10} {', '.join(area)}")
    fmax = report["fmax_mhz"]["median"]
    if fmax is not None:
        lines.append(f"  {'Fmax':<10} {fmax:.1f} MHz")
    planned = report["planned"]
    lines.append(
        f"  {'speed':<10} {report['cycles_per_frame']:,} cycles a frame, "
        f"{planned['frames_per_second']:,.0f} frames a second at {planned['clock_mhz']:g} MHz"
    )
    notes = [*network["remarks"], *report["notes"]]
    lines += [f"  {'note':<10} {note}" for note in notes]
    return "\n".join(lines) + "\n"


def _how(row: Mapping[str, Any]) -> str:
    """How a layer is built, in words."""
    if engine := row.get("engine"):
        words = [f"engine, {engine['templates']} templates"]
        if engine["learned"]:
            words.append(f"{engine['learned']} learned kernels by {engine['strategy']}")
        return ", ".join(words)
    if macs := row.get("macs"):
        zeros = ", zeros skipped" if macs["skip_zeros"] else ""
        return f"{macs['kernels']} x {macs['channels']} multipliers{zeros}"
    return f"pool, {row['pool']['channels']} channels at once"
