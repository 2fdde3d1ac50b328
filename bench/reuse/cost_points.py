"""The engines that the cost model is fitted to, and those that it is held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sw.config import EngineConfig
from sw.config_error import ConfigError
from sw.configfile import load_config
from sw.cost import MODELLED
from sw.numeric import FixedFormat
from sw.part_configs import FoldConfig, LanesConfig, OutputConfig, TableConfig
from sw.spec import LayerSpec
from sw.templates import hlac25

from .points import points

__all__ = ["CostPoint", "cost_points"]

_SEED = 2026
_MAGNITUDE = 74


@dataclass(frozen=True, kw_only=True, eq=False)
class CostPoint:
    """An engine by its name; ``held_out``: it takes no part in the fit."""

    name: str
    config: EngineConfig
    held_out: bool


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A layer of random weights, some of its kernels templates."""

    learned: int
    channels: int
    kernel: int = 3
    frame: tuple[int, int] = (32, 32)
    bits: int = 8
    templates: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        height, width = self.frame
        return (
            f"{self.learned} + {self.templates} kernels {self.kernel}x{self.kernel}x{self.channels}"
            f" over {width}x{height}, {self.bits} bits"
        )

    def spec(self) -> LayerSpec:
        shape = (self.learned, self.channels, self.kernel, self.kernel)
        drawn = np.random.default_rng(_SEED).integers(-128, 128, shape).astype(np.int64)
        masks = hlac25()[: self.templates, np.newaxis].astype(np.int64) * _MAGNITUDE
        weight = drawn
        if self.templates:
            weight = np.concatenate([np.repeat(masks, self.channels, axis=1), drawn])
        return LayerSpec(
            weight=weight,
            input_shape=(self.channels, *self.frame),
            input_format=FixedFormat(bits=self.bits, frac=self.bits, signed=False),
        )


_FITTED = (
    _Layer(learned=4, channels=4),
    _Layer(learned=6, channels=2, frame=(28, 60)),
    _Layer(learned=3, channels=1, kernel=5, frame=(28, 28)),
    _Layer(learned=4, channels=3, templates=6, settings={"bias_bits": 20}),
)
_HELD_OUT = (
    _Layer(learned=5, channels=2),
    _Layer(learned=3, channels=3, bits=10),
    _Layer(learned=2, channels=1, kernel=5, frame=(40, 40)),
    _Layer(learned=4, channels=3, templates=8, frame=(48, 48)),
)
_TEMPLATES = (
    _Layer(learned=0, channels=3, templates=25),
    _Layer(learned=0, channels=1, templates=9),
    _Layer(learned=0, channels=3, templates=25, settings={"template_scale": "defer"}),
    _Layer(
        learned=0,
        channels=3,
        templates=12,
        settings={
            "bias_bits": 16,
            "output": OutputConfig(kind="requantise", shift=6),
        },
    ),
)
_FOLDS: dict[str, tuple[FoldConfig, ...]] = {
    "direct": (
        FoldConfig(taps=9),
        FoldConfig(kernels=3),
        FoldConfig(kernels=2, taps=9),
        FoldConfig(),
    ),
    "value_table": (FoldConfig(), FoldConfig(kernels=2), FoldConfig(channels=2)),
    "split_table": (FoldConfig(), FoldConfig(kernels=2), FoldConfig(channels=2)),
    "value_cam": (FoldConfig(), FoldConfig(kernels=2), FoldConfig()),
}
_TABLES: dict[str, tuple[TableConfig, ...]] = {
    "value_cam": (
        TableConfig(entries=32, multipliers=4),
        TableConfig(entries=128, multipliers=16),
    ),
}


def _engines(layers: tuple[_Layer, ...], *, held_out: bool) -> Iterator[CostPoint]:
    """Each layer with each strategy, and the next of its folds and tables."""
    for n, layer in enumerate(layers):
        for strategy in MODELLED:
            folds = _FOLDS[strategy]
            tables = _TABLES.get(strategy, (TableConfig(),))
            fold, table = folds[n % len(folds)], tables[n % len(tables)]
            logic = strategy == "direct" and n % 2 == 1
            try:
                config = EngineConfig(
                    name="cost",
                    layer=layer.spec(),
                    strategy=strategy,
                    fold=fold,
                    table=table,
                    lanes=LanesConfig(multipliers=0) if logic else LanesConfig(),
                    **layer.settings,
                )
            except ConfigError:
                continue
            name = f"{strategy}{' of logic' * logic}, {fold.cycles} cycles, {layer.name}"
            yield CostPoint(name=name, config=config, held_out=held_out)


def cost_points() -> list[CostPoint]:
    """All of them, the strategies' own sweeps included."""
    every = [
        CostPoint(
            name=f"templates, {layer.name}, {layer.settings.get('template_scale', 'multiply')}",
            config=EngineConfig(name="cost", layer=layer.spec(), **layer.settings),
            held_out=False,
        )
        for layer in _TEMPLATES
    ]
    every += _engines(_FITTED, held_out=False)
    every += _engines(_HELD_OUT, held_out=True)
    for strategy in MODELLED:
        config = load_config("cifar10-layer1", assignments=[f"strategy={strategy}"])
        every.append(CostPoint(name=f"{strategy}, cifar10-layer1", config=config, held_out=True))
    return [*every, *_swept()]


def _swept() -> Iterator[CostPoint]:
    """The engines of the sweeps, each once."""
    seen = set()
    for point in points():
        if point.strategy not in MODELLED or point.series == "16-clean":
            continue
        try:
            config = point.config()
        except ConfigError:
            continue
        described = (
            point.strategy,
            point.channels,
            config.layer.input_format,
            config.table,
            config.lanes,
            config.fold,
        )
        if described in seen:
            continue
        seen.add(described)
        table = "".join(f", {k} {v}" for k, v in sorted(point.table.items()))
        entries = f", {point.entries} entries" if point.entries else ""
        entries += ", products of logic" * (not point.multipliers)
        name = (
            f"{point.strategy}, {config.fold.kernels} x {config.fold.channels} x "
            f"{config.fold.taps} cycles{entries}{table}, {point.channels} channels, "
            f"{config.layer.input_format.bits} bits"
        )
        yield CostPoint(name=name, config=config, held_out=False)
