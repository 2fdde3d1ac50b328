"""From a wished rate and a board to how each layer is built.

:func:`plan` is a pure function of a configuration: for each layer the candidates that are fast
enough, of these the smallest, by the costs of :func:`layer_cost`; then rows in memory where the
layers would wait for each other (:mod:`sw.network.pace`). What does not fit is refused, with what
would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, gcd, inf

from sw import cost
from sw.auto import AutoConfig, choose
from sw.config_error import ConfigError

from .chips import CHIPS, Chip, Cost
from .config import LayerSettings, NetworkConfig, engine_of
from .graph import ArgMax, Conv, Dense, Layer, Pool, word_of
from .mac_words import bias_digits, weight_bits
from .pace import Stage, frame_cycles
from .plan import EnginePlan, LayerPlan, MacPlan, PoolPlan, geometry_of, plan_of, plans_of
from .window import groups_of

__all__ = ["Plan", "cycles_of", "layer_cost", "plan", "stage_of", "stages_of"]

_DEFAULT_BOARD = "ulx3s-85f"
"""Whose chip the costs are of, where none is named."""
_SHARES = (1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3)
"""Of the cycles that a layer may take, tried one after the other: the rest is for waiting."""
_ROW_CYCLES = 3
"""Between two rows of outputs."""


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


def steps_of(layer: Conv | Dense | Pool, plan: MacPlan | PoolPlan) -> int:
    """Steps of a window."""
    geometry = geometry_of(layer, plan)
    cells = geometry.kernel[0] * geometry.kernel[1]
    if isinstance(plan, PoolPlan) or isinstance(layer, Pool):
        return geometry.groups * cells
    passes = groups_of(layer.output_shape[0], plan.kernels)
    return passes * (bias_digits(layer) + cells * geometry.groups)


def stage_of(layer: Conv | Dense | Pool, plan: LayerPlan) -> Stage:
    """What decides the pace of a layer."""
    if isinstance(plan, EnginePlan):
        assert isinstance(layer, Conv)
        geometry = geometry_of(layer, MacPlan(spare_rows=1))
        cycles = cost.cycles_per_frame(plan.config)
        made = ceil(cycles / geometry.output_size[0])
        take = ceil(cycles / layer.input_shape[1])
    else:
        geometry = geometry_of(layer, plan)
        lanes = plan.kernels if isinstance(plan, MacPlan) else plan.channels
        beats = geometry.output_size[1] * groups_of(layer.output_shape[0], lanes)
        made = max(geometry.output_size[1] * steps_of(layer, plan), beats)
        made += _ROW_CYCLES + geometry.stride[0]
        take = geometry.row_words
    rows = range(geometry.output_size[0])
    return Stage(
        kept=geometry.rows,
        needed=tuple(geometry.rows_needed(n) for n in rows),
        dropped=tuple(geometry.rows_dropped(n) for n in rows),
        row_cycles=made,
        take_cycles=take,
    )


def layer_cost(layer: Conv | Dense | Pool, plan: LayerPlan, chip: Chip) -> Cost:
    """About what a layer takes of a chip."""
    if isinstance(plan, EnginePlan):
        found = cost.estimate(plan.config)
        return Cost(lut=found.lut4_eq, dsp=found.dsp, bram=found.bram)
    geometry = geometry_of(layer, plan)
    bits = word_of(layer.input_range)[0]
    rows = chip.memory(bits * plan.channels, geometry.words)
    sums = max(limits.bits for limits in layer.accumulator_ranges)
    finish = 3 * sums if layer.requantise is not None else sums / 2
    if isinstance(plan, PoolPlan) or isinstance(layer, Pool):
        lanes = plan.channels
        return Cost(lut=110 + lanes * (2 * bits + finish / 2), bram=rows)
    macs = plan.kernels * plan.channels
    weights = chip.memory(weight_bits(layer) * macs, steps_of(layer, plan))
    adders = macs * (sums + bits) / 2 + plan.kernels * 2 * sums
    return Cost(lut=150 + adders + plan.kernels * finish, dsp=macs, bram=rows + weights)


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
    made, cycles = config, 0
    for share in _SHARES:
        layers = {
            layer.name: _best(layer, config, chip, budget, share)
            for layer in config.network.layers
            if not isinstance(layer, ArgMax)
        }
        made, cycles = _hastened(replace(config, layers=layers), config, chip, budget)
        if cycles <= budget:
            break
    config = made
    costs = _costs(config, chip)
    found = Plan(config=config, cycles=cycles, clock_mhz=clock, costs=costs)
    if cycles > budget:
        raise ConfigError(
            f"rate: {config.name} makes {found.rate:,.0f} frames a second at {clock:g} MHz, not "
            f"{config.rate:,.0f} (ask for less, or for a faster clock)"
        )
    lacking = chip.lacks(found.cost + chip.link) if config.board else []
    if lacking:
        raise ConfigError(
            f"board: {config.name} needs {', '.join(lacking)} that {config.board} has"
            + (f" at {config.rate:,.0f} frames a second" if config.rate else "")
            + " (ask for a lower rate, or choose a larger board)"
        )
    return found


def _costs(config: NetworkConfig, chip: Chip) -> dict[str, Cost]:
    layers = [x for x in config.network.layers if not isinstance(x, ArgMax)]
    return {
        layer.name: layer_cost(layer, made, chip)
        for layer, made in zip(layers, plans_of(config), strict=True)
    }


def stages_of(config: NetworkConfig) -> list[Stage]:
    """Of all layers, with what it takes to bring the channels from one to the next."""
    layers = [x for x in config.network.layers if not isinstance(x, ArgMax)]
    made: list[Stage] = []
    given = config.network.input_shape[0]
    for layer, how in zip(layers, plans_of(config), strict=True):
        channels, _, width = layer.input_shape
        taken = channels if isinstance(how, EnginePlan) else how.channels
        beats = width * conversion_beats(channels, given, taken)
        stage = stage_of(layer, how)
        made.append(replace(stage, take_cycles=max(stage.take_cycles, beats)))
        given = how.kernels if isinstance(how, MacPlan) else taken
        given = layer.output_shape[0] if isinstance(how, EnginePlan) else given
    return made


def conversion_beats(channels: int, given: int, taken: int) -> int:
    """Cycles of a pixel between layers that give and take so many channels a beat.

    Numbers of which neither divides the other are converted by way of their common divisor.
    """
    return groups_of(channels, gcd(given, taken))


def _best(
    layer: Conv | Dense | Pool, config: NetworkConfig, chip: Chip, budget: float, share: float
) -> LayerSettings:
    """The smallest of the layer's candidates that takes a share of the cycles, if it can."""
    every = list(_candidates(layer, config.settings(layer), chip, budget))
    timed = [
        (settings, made, stage_of(layer, made).cycles)
        for settings in every
        for made in [plan_of(layer, settings, counter_bits=config.counter_bits)]
    ]
    least = min((cycles for _, _, cycles in timed), default=inf)
    limit = max(budget * share, least)
    fast = [(s, made, cycles) for s, made, cycles in timed if cycles <= limit]
    if least > budget or not fast:
        raise ConfigError(
            f"layer {layer.name}: no way to build it takes at most {budget:,.0f} cycles a frame; "
            f"the fastest takes {least:,.0f} (ask for a lower rate, or for a faster clock)"
        )
    settings, _, _ = min(
        fast, key=lambda one: (chip.share(layer_cost(layer, one[1], chip)), one[2])
    )
    return settings


def _candidates(
    layer: Layer, given: LayerSettings, chip: Chip, budget: float
) -> Iterator[LayerSettings]:
    """Every way to build a layer that its settings allow."""
    inputs, outputs = layer.input_shape[0], layer.output_shape[0]
    channels = [given.channels] if given.channels else _lanes(inputs)
    if isinstance(layer, Pool):
        yield from (replace(given, channels=n, spare_rows=given.spare_rows or 0) for n in channels)
        return
    if given.build != "engine":
        kernels = [given.kernels] if given.kernels else _lanes(outputs)
        for n in channels:
            for k in kernels:
                yield replace(
                    given, build="macs", kernels=k, channels=n, spare_rows=given.spare_rows or 0
                )
    if given.build != "macs" and isinstance(layer, Conv):
        yield from _engines(layer, given, chip, budget)


def _engines(
    layer: Conv, given: LayerSettings, chip: Chip, budget: float
) -> Iterator[LayerSettings]:
    """The engine that its settings name, or the smallest that is fast enough."""
    if given.kernels or given.channels or given.spare_rows is not None:
        return
    settings = replace(given, build="engine")
    try:
        engine = engine_of(layer, settings)
        if given.strategy is None and engine.learned:
            _, height, width = layer.input_shape
            rate = height * width / budget if budget < inf else 1e-6
            wish = AutoConfig(goal="area", rate=rate, dsp=chip.has.dsp, bram=chip.has.bram)
            engine = choose(engine, wish)
    except ConfigError:
        return
    learned = bool(engine.learned)
    yield replace(
        settings,
        bank=engine.bank,
        strategy=engine.strategy,
        fold=engine.fold if learned else None,
        lanes=engine.lanes if learned else None,
        table=engine.table if learned else None,
    )


def _lanes(count: int) -> list[int]:
    """Numbers of lanes that differ in the groups that they make, and powers of two."""
    groups = {ceil(count / n) for n in range(1, count + 1)}
    return sorted(groups | {1 << n for n in range(count.bit_length())})


def _hastened(
    config: NetworkConfig, given: NetworkConfig, chip: Chip, budget: float
) -> tuple[NetworkConfig, int]:
    """The same with what hastens the chain most for its cost, until it is fast enough."""
    cycles = cycles_of(config)
    while cycles > budget:
        best: tuple[float, NetworkConfig, int] | None = None
        for layer in config.network.layers:
            if isinstance(layer, ArgMax):
                continue
            before = chip.share(layer_cost(layer, plan_of(layer, config.settings(layer)), chip))
            for settings in _faster(layer, config.settings(layer), given.settings(layer), chip):
                other = replace(config, layers=dict(config.layers) | {layer.name: settings})
                found = cycles_of(other)
                price = chip.share(layer_cost(layer, plan_of(layer, settings), chip)) - before
                gain = (cycles - found) / max(price, 1)
                if found < cycles and (best is None or gain > best[0]):
                    best = (gain, other, found)
        if best is None:
            break
        _, config, cycles = best
    return config, cycles


def _faster(
    layer: Conv | Dense | Pool, settings: LayerSettings, given: LayerSettings, chip: Chip
) -> Iterator[LayerSettings]:
    """More rows to spare, and the smallest of what takes fewer cycles, as far as that is open."""
    made = plan_of(layer, settings)
    if not isinstance(made, EnginePlan) and given.spare_rows is None:
        stride = min(geometry_of(layer, made).stride[0], layer.input_shape[1])
        yield replace(settings, spare_rows=made.spare_rows + stride)
    now = stage_of(layer, made).cycles
    if given.build == "engine":
        return
    build = "auto" if isinstance(layer, Pool) else "macs"
    open_ = replace(given, build=build, spare_rows=settings.spare_rows)
    ways = [
        (chip.share(layer_cost(layer, plan, chip)), n, way)
        for n, way in enumerate(_candidates(layer, open_, chip, inf))
        for plan in [plan_of(layer, way)]
        if stage_of(layer, plan).cycles < now
    ]
    if ways:
        yield min(ways, key=lambda one: one[:2])[2]
