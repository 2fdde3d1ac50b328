"""How the layers of a network are built: what the planner chooses, and the generator takes."""

from __future__ import annotations

from dataclasses import dataclass

from sw.config import EngineConfig

__all__ = ["EnginePlan", "LayerPlan", "MacPlan", "PoolPlan"]


@dataclass(frozen=True, kw_only=True)
class MacPlan:
    """A convolution or a dense layer that reads its window from memory.

    Parameters
    ----------
    kernels : int
        Output channels that are computed at once, and leave in a beat.
    channels : int
        Input channels of a beat; ``kernels * channels`` multipliers.
    spare_rows : int
        Input rows that can come while a row of outputs is computed.
    """

    kernels: int = 1
    channels: int = 1
    spare_rows: int = 0


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
