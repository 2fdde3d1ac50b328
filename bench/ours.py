"""Ours: the template bank alone, and whole engines, as ``python -m hw.build`` makes them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from hw.digest import generator_digest
from hw.flow.cache import cached, key_of
from hw.flow.progress import step
from hw.targets import TOP, Options, rtlil, verilog
from hw.top import make_top
from sw.config import EngineConfig
from sw.spec import LayerSpec

from .design import Design, Feed, Field
from .verify import verify_engine, verify_layer
from .weights import INPUT_SHAPE, kernels

__all__ = [
    "bank",
    "constant_config",
    "described",
    "engine",
    "rtlil_text",
    "templates_config",
]


def templates_config(weights: str, *, top: Literal["engine", "template_bank"]) -> EngineConfig:
    """Template kernels alone, their magnitudes multiplied in."""
    layer = LayerSpec(weight=kernels(weights), input_shape=INPUT_SHAPE)
    return EngineConfig(name=f"{weights}, {top}", layer=layer, top=top)


def constant_config(weights: str, *, top: Literal["engine", "sums"]) -> EngineConfig:
    """Template kernels, their magnitudes multiplied in, and others with constant weights."""
    layer = LayerSpec(weight=kernels(weights), input_shape=INPUT_SHAPE)
    return EngineConfig(
        name=f"{weights}, constant, {top}", layer=layer, top=top, strategy="constant"
    )


def bank(config: EngineConfig) -> Design:
    """A template bank alone, or the sums of all kernels, with the line buffers."""
    top = make_top(config)
    plan = top.bank
    assert plan is not None, "an engine is no bank"
    fields = tuple(
        Field(bits=limits.bits, signed=limits.lo < 0) for limits in plan.output_ranges.values()
    )
    constants = {"rst": 0, "i__valid": 1, "o__ready": 1}
    if config.top == "sums":
        constants["i_next"] = 1
    feed = Feed(
        input="i__payload",
        output="o__payload",
        input_bits=plan.input_range.bits,
        inputs=plan.channels,
        fields=fields,
        constants=constants,
    )
    emitted = verilog.build(top, Options())
    weight = config.layer.weight
    if config.template_scale == "defer":
        weight = np.sign(weight)
    return Design(
        top=TOP,
        sources={f"{TOP}.il": rtlil_text(config)},
        simulated={f"{TOP}.v": str(emitted.files[f"{TOP}.v"])},
        feed=feed,
        verify=lambda d: verify_layer(d, weight),
        lead=int(config.top == "sums"),
    )


def engine(config: EngineConfig) -> Design:
    """A whole engine: streams, control port, counters."""
    return Design(
        top=TOP,
        sources={f"{TOP}.il": rtlil_text(config)},
        verify=lambda _: verify_engine(config),
    )


def rtlil_text(config: EngineConfig) -> str:
    """The RTLIL of what a configuration names, made now or before."""
    key = key_of(step="rtlil", code=generator_digest(), config=described(config))

    def write(folder: Path) -> None:
        with step(f"generating {config.name}"):
            (folder / "design.il").write_text(rtlil.convert(make_top(config).component))

    return (cached("bench-rtlil", key, write) / "design.il").read_text()


def described(config: EngineConfig) -> str:
    """All that makes an engine, but for its name."""
    settings = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return repr(settings | {"name": None, "layer": config.layer.digest()})
