"""Configurations of networks: what is computed, how fast, on which board, each layer with what.

:mod:`sw.network.configfile` reads one from TOML. Whatever a layer's settings leave open, the
planner chooses for the rate and the board.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sw.config import STRATEGIES, EngineConfig
from sw.config_error import require, require_one_of, require_within
from sw.numeric import IntRange
from sw.part_configs import FoldConfig, LanesConfig, OutputConfig, TableConfig

from .graph import ArgMax, Conv, Dense, Layer, Network, Pool, Requantise

__all__ = ["LayerSettings", "NetworkConfig", "engine_of", "output_of"]

Build = Literal["auto", "engine", "macs"]

_ENGINE = ("strategy", "templates", "bank", "fold", "lanes", "table")
_MACS = ("kernels", "channels", "spare_rows", "skip_zeros")


@dataclass(frozen=True, kw_only=True)
class LayerSettings:
    """How one layer is built; None: the planner chooses.

    Parameters
    ----------
    build : "auto" | "engine" | "macs"
        A convolution is an engine of this project, or a few multiply-accumulators that read its
        windows from memory; a dense layer is always the latter.
    kernels, channels : int, optional
        Output and input channels that are computed at once, 1 to 4096, so that ``macs`` has
        ``kernels * channels`` multipliers; of a pool, ``channels``.
    spare_rows : int, optional
        Input rows that can come while a row of outputs is computed, 0 to 4096; of ``macs`` and of a
        pool.
    skip_zeros : bool, optional
        Of ``macs``: leave out the steps whose inputs are all zero, which makes a frame's cycles
        depend on what is on it, but never more. The planner leaves it as it is.
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
    kernels: int | None = None
    channels: int | None = None
    spare_rows: int | None = None
    skip_zeros: bool | None = None
    strategy: str | None = None
    templates: Literal["auto", "none"] | tuple[int, ...] = "auto"
    bank: Literal["parallel", "serial"] | None = None
    fold: FoldConfig | None = None
    lanes: LanesConfig | None = None
    table: TableConfig | None = None

    def __post_init__(self) -> None:
        require_one_of("build", self.build, ("auto", "engine", "macs"))
        for name, low in (("kernels", 1), ("channels", 1), ("spare_rows", 0)):
            value = getattr(self, name)
            if value is not None:
                require_within(name, value, low, 4096)
        engine, macs = self._given(_ENGINE), self._given(_MACS)
        require(
            self.build != "engine" or not macs,
            f"{', '.join(macs)}: an engine has none (fold it, or leave it out)",
        )
        require(
            self.build != "macs" or not engine,
            f"{', '.join(engine)}: with build = macs there is no engine (leave it out)",
        )
        if self.strategy is not None:
            require_one_of("strategy", self.strategy, STRATEGIES)
        if self.bank is not None:
            require_one_of("bank", self.bank, ("parallel", "serial"))

    def _given(self, names: tuple[str, ...]) -> list[str]:
        """Those of the settings ``names`` that are not the default."""
        return [name for name in names if getattr(self, name) not in (None, "auto")]

    def check(self, layer: Layer) -> None:
        """Refuse settings that this kind of layer cannot have."""
        allowed: dict[type[Layer], tuple[str, ...]] = {
            Conv: ("build", *_MACS, *_ENGINE),
            Dense: ("build", *_MACS),
            Pool: ("channels", "spare_rows"),
            ArgMax: (),
        }
        names = allowed[type(layer)]
        wrong = self._given(tuple(n for n in allowed[Conv] if n not in names))
        kind = type(layer).__name__
        require(
            not wrong,
            f"{', '.join(wrong)}: {kind} layers have no such setting (they have "
            f"{', '.join(names) or 'none'})",
        )
        require(
            self.build != "engine" or isinstance(layer, Conv),
            f"build = engine: {kind} layers have no engine",
        )
        counts = {"channels": layer.input_shape[0], "kernels": layer.output_shape[0]}
        for name, most in counts.items():
            value = getattr(self, name)
            require(value is None or value <= most, f"{name} must be 1 to {most}, not {value}")
        if self.skip_zeros:
            self._check_skipping(layer)

    def _check_skipping(self, layer: Layer) -> None:
        """Refuse what cannot skip zeros, or would gain nothing by it."""
        kernels, channels = layer.output_shape[0], layer.input_shape[0]
        require(
            max(self.kernels or 1, 1) < kernels,
            f"skip_zeros: with all {kernels} kernels at once each value is read once anyway "
            "(compute fewer kernels at once)",
        )
        require(
            channels % (self.channels or 1) == 0,
            f"skip_zeros: channels must divide the layer's {channels}, not be {self.channels}",
        )


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
    remarks : tuple of str
        Where the network's integers are not exactly what its model file says.

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
    remarks: tuple[str, ...] = ()

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

    Where no engine has such an output (:func:`output_of`), or a multiplier a kernel for it, it puts
    out the exact sums and a requantiser of the network follows, which shifts where that will do.
    """
    output = output_of(layer.requantise)
    if output is None or output.scale_bits:
        output = OutputConfig(kind="exact")
    optional = {
        name: getattr(settings, name)
        for name in ("strategy", "bank", "fold", "lanes", "table")
        if getattr(settings, name) is not None
    }
    return EngineConfig(
        name=layer.name,
        layer=layer.spec,
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
