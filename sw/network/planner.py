"""From a wished rate and a board to how each layer is built.

:func:`plan` is a pure function of a configuration. It takes the smallest way to build each layer
that is fast enough by itself (:mod:`sw.network.ways`); then, while the layers wait for each other
too long (:mod:`sw.network.pace`), whatever hastens the chain most for its cost: rows to spare, or a
faster layer. What cannot be, or does not fit, is refused, with what would.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from sw.config_error import ConfigError

from .chips import CHIPS, Chip, Cost
from .config import NetworkConfig
from .graph import ArgMax, Conv, Dense, Network, Pool
from .pace import Stage, frame_cycles
from .plan import plans_of
from .ways import Way, Ways, chain_cycles, chain_stages, stage_of

__all__ = ["Plan", "cycles_of", "plan", "stages_of"]

_DEFAULT_BOARD = "ulx3s-85f"
"""Whose chip the costs are of, where none is named."""
_SHARES = (1, 0.8, 0.6, 0.4)
"""Of the cycles that a layer may take, tried one after the other: the rest is for waiting."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What was planned.

    Parameters
    ----------
    config : NetworkConfig
        With every layer's settings filled in.
    cycles : int
        From frame to frame.
    clock_mhz : float
    costs : dict of layer name to Cost
    """

    config: NetworkConfig
    cycles: int
    clock_mhz: float
    costs: dict[str, Cost]

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.clock_mhz * 1e6 / self.cycles

    @property
    def cost(self) -> Cost:
        """Of all layers."""
        return sum(self.costs.values(), Cost())


def _computing(network: Network) -> list[Conv | Dense | Pool]:
    return [layer for layer in network.layers if not isinstance(layer, ArgMax)]


def stages_of(config: NetworkConfig) -> list[Stage]:
    """What decides the pace of each layer, with the settings that there are."""
    layers = _computing(config.network)
    made = [(how, stage_of(x, how)) for x, how in zip(layers, plans_of(config), strict=True)]
    return chain_stages(config.network, layers, made)


def cycles_of(config: NetworkConfig) -> int:
    """Cycles from frame to frame, with the settings that there are."""
    return frame_cycles(stages_of(config))


def plan(config: NetworkConfig) -> Plan:
    """Settings for every layer that reach ``config.rate`` on ``config.board``.

    Without a rate the layers are as small as can be. What the configuration's settings say stays.

    Raises
    ------
    ConfigError
        If a layer cannot be so fast, or the network does not fit the board.
    """
    if config.board is not None and config.board not in CHIPS:
        raise ConfigError(f"board must be one of {', '.join(CHIPS)}, not {config.board!r}")
    chip = CHIPS[config.board or _DEFAULT_BOARD]
    clock = config.clock_mhz or chip.clock_mhz
    budget = clock * 1e6 / config.rate if config.rate else inf
    layers = _computing(config.network)
    every = [
        Ways(layer, config.settings(layer), chip, counter_bits=config.counter_bits)
        for layer in layers
    ]
    ways: list[Way] = []
    cycles = 0
    for share in _SHARES:
        ways = [each.best(budget, share) for each in every]
        ways, cycles = _hastened(config.network, every, ways, budget)
        if cycles <= budget:
            break
    settings = {layer.name: way.settings for layer, way in zip(layers, ways, strict=True)}
    found = Plan(
        config=replace(config, layers=settings),
        cycles=cycles,
        clock_mhz=clock,
        costs={layer.name: way.cost for layer, way in zip(layers, ways, strict=True)},
    )
    _check(found, chip, budget)
    return found


def _check(found: Plan, chip: Chip, budget: float) -> None:
    """Refuse what is too slow or does not fit."""
    config = found.config
    if found.cycles > budget:
        raise ConfigError(
            f"rate: {config.name} makes {found.rate:,.0f} frames a second at "
            f"{found.clock_mhz:g} MHz, not {config.rate:,.0f} (ask for less, or a faster clock)"
        )
    lacking = chip.lacks(found.cost + chip.link) if config.board else []
    if lacking:
        raise ConfigError(
            f"board: {config.name} needs {', '.join(lacking)} that {config.board} has"
            + (f" at {config.rate:,.0f} frames a second" if config.rate else "")
            + " (ask for a lower rate, or choose a larger board)"
        )


def _hastened(
    network: Network, every: list[Ways], ways: list[Way], budget: float
) -> tuple[list[Way], int]:
    """What hastens the chain most for its cost, until it is fast enough or nothing does."""
    layers = [each.layer for each in every]
    cycles = chain_cycles(network, layers, ways)
    while cycles > budget:
        best: tuple[float, list[Way], int] | None = None
        for n, each in enumerate(every):
            for way in each.faster(ways[n]):
                other = [*ways[:n], way, *ways[n + 1 :]]
                found = chain_cycles(network, layers, other)
                gain = (cycles - found) / max(way.price - ways[n].price, 1)
                if found < cycles and (best is None or gain > best[0]):
                    best = (gain, other, found)
        if best is None:
            break
        _, ways, cycles = best
    return ways, cycles
