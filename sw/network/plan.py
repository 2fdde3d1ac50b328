"""How the layers of a network are built: what the generator takes of a configuration."""

from __future__ import annotations

from dataclasses import dataclass

from sw.config import EngineConfig
from sw.spec import Padding

from .config import LayerSettings, NetworkConfig, engine_of
from .graph import ArgMax, Conv, Dense, Layer, Pool
from .window import WindowGeometry

__all__ = [
    "EnginePlan",
    "LayerPlan",
    "MacPlan",
    "PoolPlan",
    "geometry_of",
    "plan_of",
    "plans_of",
]


@dataclass(frozen=True, kw_only=True)
class MacPlan:
    """A convolution or a dense layer that reads its windows from memory.

    Parameters
    ----------
    kernels : int
        Output channels that are computed at once, and leave in a beat.
    channels : int
        Input channels of a beat; ``kernels * channels`` multipliers.
    spare_rows : int
        Input rows that can come while a row of outputs is computed.
    skip_zeros : bool
        Leave out the steps whose values are all zero; ``channels`` divide the layer's.
    """

    kernels: int = 1
    channels: int = 1
    spare_rows: int = 0
    skip_zeros: bool = False


@dataclass(frozen=True, kw_only=True)
class PoolPlan:
    """A pool.

    Parameters
    ----------
    channels : int
        Channels that are pooled at once.
    spare_rows : int
        As :class:`MacPlan`.
    """

    channels: int = 1
    spare_rows: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class EnginePlan:
    """A convolution by an engine: all input channels in a beat, all outputs in a beat."""

    config: EngineConfig


LayerPlan = MacPlan | PoolPlan | EnginePlan


def plan_of(layer: Layer, settings: LayerSettings, *, counter_bits: int = 48) -> LayerPlan:
    """What the settings say; what they leave open is as small as can be."""
    spare, channels = settings.spare_rows or 0, settings.channels or 1
    if isinstance(layer, Pool):
        return PoolPlan(channels=channels, spare_rows=spare)
    if isinstance(layer, Conv) and settings.build == "engine":
        return EnginePlan(config=engine_of(layer, settings, counter_bits=counter_bits))
    return MacPlan(
        kernels=settings.kernels or 1,
        channels=channels,
        spare_rows=spare,
        skip_zeros=bool(settings.skip_zeros),
    )


def plans_of(config: NetworkConfig) -> tuple[LayerPlan, ...]:
    """Of each layer but ArgMax, by the configuration's settings."""
    return tuple(
        plan_of(layer, config.settings(layer), counter_bits=config.counter_bits)
        for layer in config.network.layers
        if not isinstance(layer, ArgMax)
    )


def geometry_of(layer: Conv | Dense | Pool, plan: MacPlan | PoolPlan) -> WindowGeometry:
    """The windows of a layer, and the rows that it keeps."""
    match layer:
        case Dense():
            kernel, stride, padding = layer.input_shape[1:], (1, 1), Padding()
        case Conv():
            spec = layer.spec
            kernel, stride, padding = spec.kernel_shape, spec.stride, spec.padding
        case Pool():
            kernel, stride, padding = layer.kernel, layer.stride, layer.padding
    return WindowGeometry(
        input_shape=layer.input_shape,
        kernel=kernel,
        stride=stride,
        padding=padding,
        lanes=plan.channels,
        spare_rows=plan.spare_rows,
    )
