"""Configurations of networks: what is computed, how fast, on which board, each layer with what.

:mod:`sw.network.configfile` reads one from TOML. Whatever a layer's settings leave open, the
planner chooses for the rate and the board.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sw.config import STRATEGIES, EngineConfig
from sw.config_error import require, require_one_of, require_within
from sw.numeric import IntRange
from sw.part_configs import FoldConfig, LanesConfig, OutputConfig, TableConfig

from .graph import Conv, Dense, Layer, Network, Requantise

__all__ = ["LayerSettings", "NetworkConfig", "engine_of", "output_of"]

Build = Literal["auto", "engine", "macs"]


@dataclass(frozen=True, kw_only=True)
class LayerSettings:
    """How one layer is built; None: the planner chooses.

    Parameters
    ----------
    build : "auto" | "engine" | "macs"
        A convolution is an engine of this project or a few multiply-accumulators that take turns;
        a dense layer is always the latter.
    macs : int, optional
        Multiply-accumulators, 1 to 4096; for ``macs`` alone.
    strategy : str, optional
        How an engine makes the learned kernels' products: one of :data:`sw.config.STRATEGIES`.
    templates : "auto" | "none" | tuple of int
    bank : "parallel" | "serial", optional
    fold : FoldConfig, optional
    lanes : LanesConfig, optional
    table : TableConfig, optional
        As :class:`sw.config.EngineConfig` has them; for an engine alone.
    """

    build: Build = "auto"
    macs: int | None = None
    strategy: str | None = None
    templates: Literal["auto", "none"] | tuple[int, ...] = "auto"
    bank: Literal["parallel", "serial"] | None = None
    fold: FoldConfig | None = None
    lanes: LanesConfig | None = None
    table: TableConfig | None = None

    def __post_init__(self) -> None:
        require_one_of("build", self.build, ("auto", "engine", "macs"))
        if self.macs is not None:
            require(self.build != "engine", "macs: an engine has none (leave it out)")
            require_within("macs", self.macs, 1, 4096)
        given = self._given
        require(
            self.build != "macs" or not given,
            f"{', '.join(given)}: with build = macs there is no engine (leave it out)",
        )
        if self.strategy is not None:
            require_one_of("strategy", self.strategy, STRATEGIES)
        if self.bank is not None:
            require_one_of("bank", self.bank, ("parallel", "serial"))

    @property
    def _given(self) -> list[str]:
        """The settings of an engine that are there."""
        names = ("strategy", "bank", "fold", "lanes", "table")
        found = [name for name in names if getattr(self, name) is not None]
        return found + (["templates"] if self.templates != "auto" else [])

    def check(self, layer: Layer) -> None:
        """Refuse settings that this kind of layer cannot have."""
        if isinstance(layer, Conv):
            return
        if isinstance(layer, Dense):
            given = self._given + (["build"] if self.build == "engine" else [])
            require(not given, f"{', '.join(given)}: a dense layer has no engine; it takes macs")
            return
        kind = type(layer).__name__
        require(self == LayerSettings(), f"a {kind} has no settings (leave the table out)")


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkConfig:
    """A network, and the accelerator that computes it.

    Parameters
    ----------
    name : str
    network : Network
    rate : float, optional
        Frames a second that are wished for; None: as small as can be.
    board : str, optional
        A board of ``hw.boards``, whose chip it must fit.
    clock_mhz : float, optional
        Of the accelerator, 1 to 1000; None: the planner chooses.
    counter_bits : int
        Width of each counter, 16 to 64.
    layers : mapping of layer name to LayerSettings
        Layers that are not in it have the default settings.

    Raises
    ------
    ConfigError
        If a field is out of range or does not fit the network.
    """

    name: str
    network: Network
    rate: float | None = None
    board: str | None = None
    clock_mhz: float | None = None
    counter_bits: int = 48
    layers: Mapping[str, LayerSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.rate is None or 0 < self.rate <= 1e9, f"rate must be above 0, not {self.rate}")
        require(
            self.clock_mhz is None or 1 <= self.clock_mhz <= 1000,
            f"clock_mhz must be 1 to 1000, not {self.clock_mhz}",
        )
        require_within("counter_bits", self.counter_bits, 16, 64)
        by_name = {layer.name: layer for layer in self.network.layers}
        for name, settings in self.layers.items():
            require(
                name in by_name,
                f"layers.{name}: the network has no such layer; it has {', '.join(by_name)}",
            )
            try:
                settings.check(by_name[name])
                if settings.build == "engine":
                    self.engine(by_name[name])
            except ValueError as error:
                require(False, f"layers.{name}: {error}")

    def settings(self, layer: Layer) -> LayerSettings:
        """The layer's settings."""
        return self.layers.get(layer.name, LayerSettings())

    def engine(self, layer: Layer) -> EngineConfig:
        """The engine of a convolution, with what its settings leave open at its default."""
        require(isinstance(layer, Conv), f"{layer.name} is no convolution: it has no engine")
        assert isinstance(layer, Conv)
        return engine_of(layer, self.settings(layer), counter_bits=self.counter_bits)


def output_of(requantise: Requantise | None) -> OutputConfig | None:
    """The engine's own output that does what ``requantise`` does; None if it has none.

    An engine clips to a word, or to its positive half (ReLU), shifts by 47 at most, and its
    factors have 16 bits.
    """
    if requantise is None:
        return OutputConfig(kind="exact")
    limits, shift = requantise.limits, requantise.shift
    factor_bits = int(requantise.multiplier.max()).bit_length()
    signed = limits.signed
    if limits != IntRange.of_bits(max(limits.bits, 1), signed=signed):
        return None
    if shift > 47 or factor_bits > 16:
        return None
    return OutputConfig(
        kind="requantise",
        bits=max(limits.bits, 1),
        signed=signed,
        shift=shift,
        scale_bits=factor_bits if requantise.multiplies else 0,
    )


def engine_of(layer: Conv, settings: LayerSettings, *, counter_bits: int = 48) -> EngineConfig:
    """The engine that computes a convolution's sums, and its outputs where it can.

    Where no engine has such an output (:func:`output_of`), it puts out the exact sums and a
    requantiser of the network follows.
    """
    spec, output = layer.spec, output_of(layer.requantise) or OutputConfig(kind="exact")
    if output.scale_bits and layer.requantise is not None:
        spec = replace(spec, scale=layer.requantise.multiplier)
    optional = {
        name: getattr(settings, name)
        for name in ("strategy", "bank", "fold", "lanes", "table")
        if getattr(settings, name) is not None
    }
    return EngineConfig(
        name=layer.name,
        layer=spec,
        templates=settings.templates,
        bias_bits=_bias_bits(layer),
        counter_bits=counter_bits,
        output=output,
        **optional,
    )


def _bias_bits(layer: Conv) -> int:
    """Of the narrowest register that holds every bias; 0 if there is none."""
    bias = layer.spec.bias
    if bias is None or not bias.any():
        return 0
    return max(2, IntRange(min(int(bias.min()), -1), max(int(bias.max()), 0)).bits)
