"""Ours: the template bank alone, and whole engines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from amaranth.back import rtlil, verilog  # pyright: ignore[reportAttributeAccessIssue] - no stub

from hw.bank_plan import plan_bank
from hw.blocks.template_bank import TemplateBank
from hw.flow.cache import cached, key_of
from hw.flow.progress import step
from hw.targets import TOP
from hw.targets import rtlil as rtlil_target
from hw.targets.rtlil import no_garbage_collection
from sw.config import EngineConfig
from sw.spec import LayerSpec

from .design import Design, Feed, Field
from .environment import ROOT
from .verify import verify_engine, verify_layer
from .weights import INPUT_SHAPE, kernels

__all__ = ["bank", "bank_rtlil", "engine", "engine_rtlil", "templates_config"]

_BANK = "bank"


def templates_config(weights: str, *, name: str = "templates", deferred: bool) -> EngineConfig:
    """An engine of template kernels alone."""
    layer = LayerSpec(weight=kernels(weights), input_shape=INPUT_SHAPE)
    return EngineConfig(name=name, layer=layer, template_scale="defer" if deferred else "multiply")


def bank(config: EngineConfig) -> Design:
    """The template bank of a configuration, alone, with its line buffers."""
    component = TemplateBank(plan_bank(config))
    plan = component.plan
    fields = tuple(
        Field(bits=limits.bits, signed=limits.lo < 0) for limits in plan.output_ranges.values()
    )
    feed = Feed(
        input="i__payload",
        output="o__payload",
        input_bits=plan.input_range.bits,
        inputs=plan.channels,
        fields=fields,
        constants={"rst": 0, "i__valid": 1, "o__ready": 1},
    )
    weight = config.layer.weight
    if config.template_scale == "defer":
        weight = np.sign(weight)
    return Design(
        top=_BANK,
        sources={f"{_BANK}.il": bank_rtlil(config)},
        simulated={f"{_BANK}.v": verilog.convert(component, name=_BANK, emit_src=False)},
        feed=feed,
        verify=lambda d: verify_layer(d, weight),
    )


def engine(config: EngineConfig) -> Design:
    """A whole engine: streams, control port, counters."""
    return Design(
        top=TOP,
        sources={f"{TOP}.il": engine_rtlil(config)},
        verify=lambda _: verify_engine(config),
    )


def bank_rtlil(config: EngineConfig) -> str:
    """The bank's RTLIL, made now or before."""

    def make() -> str:
        with no_garbage_collection():
            return rtlil.convert(TemplateBank(plan_bank(config)), name=_BANK, emit_src=False)

    return _kept("bank", config, make)


def engine_rtlil(config: EngineConfig) -> str:
    """The engine's RTLIL, made now or before."""
    return _kept("engine", config, lambda: rtlil_target.emit(config))


def _kept(what: str, config: EngineConfig, make: Callable[[], str]) -> str:
    described = (config.layer.digest(), config.templates, config.template_scale, config.bias_bits)
    key = key_of(
        step="rtlil",
        what=what,
        code=_code(),
        config=repr((*described, config.counter_bits, config.table, config.output)),
    )

    def write(folder: Path) -> None:
        with step(f"generating {what} of {config.name}"):
            (folder / "design.il").write_text(make())

    return (cached("bench-rtlil", key, write) / "design.il").read_text()


@cache
def _code() -> str:
    """Of all that RTL may depend on."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "hw").rglob("*.py"), *(ROOT / "sw").rglob("*.py")]):
        if "flow" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()
