"""report.json: what was built and what it does, the same fields for every target.

A field that only synthesis or place and route can know is null where a target does neither.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from hw.targets import Product
from hw.top import Top
from sw.config import EngineConfig
from sw.numeric import FixedFormat
from sw.registers import VERSION
from sw.spec import LayerSpec

__all__ = ["make_report", "report_text"]

_AREA = ("lut4_eq", "lut", "carry", "ff", "dsp", "bram")
_FMAX = ("seeds", "median")


def make_report(top: Top, product: Product, *, target: str) -> dict[str, Any]:
    """The report of one build, ready for JSON.

    ``cycles_per_frame`` is for pixels that always come, outputs that are always taken, and reuse
    tables that know the data; unfolded it is the padded frame's size. ``macs_per_cycle`` counts
    the multiplications that a frame needs, whoever saves them.
    """
    config = top.config
    layer = config.layer
    cycles = top.cycles_per_frame
    _, height, width = layer.input_shape
    median = product.fmax_mhz.get("median")
    return {
        "config": _config(config),
        "target": target,
        "device": product.device,
        "kernels": {"learned": len(config.learned), "template": len(config.template_kernels)},
        "bank_adders": top.bank.adders if top.bank else 0,
        "area": dict.fromkeys(_AREA) | dict(product.area),
        "fmax_mhz": dict.fromkeys(_FMAX) | dict(product.fmax_mhz),
        "fmax_estimated_mhz": list(product.estimated_mhz) or None,
        "critical_path": [dict(step) for step in product.critical_path],
        "timed_out": product.timed_out,
        "latency": top.latency,
        "cycles_per_frame": cycles,
        "pixels_per_cycle": height * width / cycles,
        "macs_per_cycle": layer.multiplications_needed / cycles,
        "frames_per_second": median * 1e6 / cycles if isinstance(median, float) else None,
        "notes": list(product.notes),
        "tools": {"katazome": ".".join(map(str, VERSION)), **product.tools},
    }


def report_text(report: dict[str, Any]) -> str:
    """The report as JSON, for people too."""
    return json.dumps(report, indent=2) + "\n"


def _config(config: EngineConfig) -> dict[str, Any]:
    return {
        "name": config.name,
        "layer": _layer(config.layer),
        "settings": {
            "top": config.top,
            "templates": config.templates,
            "template_scale": config.template_scale,
            "bank": config.bank if config.template_kernels else None,
            "bias_bits": config.bias_bits,
            "counter_bits": config.counter_bits,
            "strategy": config.strategy if config.learned else None,
            "auto": dataclasses.asdict(config.auto) if config.auto else None,
            "fold": dataclasses.asdict(config.fold) if config.learned else None,
            "lanes": dataclasses.asdict(config.lanes) if config.learned else None,
            "table": dataclasses.asdict(config.table) if config.learned else None,
            "output": dataclasses.asdict(config.output),
        },
    }


def _layer(layer: LayerSpec) -> dict[str, Any]:
    return {
        "input_shape": list(layer.input_shape),
        "weight_shape": list(layer.weight.shape),
        "output_shape": list(layer.output_shape),
        "stride": list(layer.stride),
        "padding": dataclasses.asdict(layer.padding),
        "input_format": _format(layer.input_format),
        "weight_format": _format(layer.weight_format),
        "sha256": layer.digest(),
    }


def _format(number: FixedFormat) -> dict[str, Any]:
    return dataclasses.asdict(number)
