"""The ways to build a layer: what its settings leave open, each with its pace and its cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil, gcd, inf

from sw import cost
from sw.auto import AutoConfig, choose
from sw.config_error import ConfigError

from .chips import Chip, Cost
from .config import LayerSettings, engine_of
from .graph import Conv, Dense, Network, Pool, word_of
from .mac_words import bias_digits, weight_bits
from .pace import Stage, frame_cycles
from .plan import EnginePlan, LayerPlan, MacPlan, PoolPlan, geometry_of, plan_of
from .window import groups_of

__all__ = [
    "Way",
    "Ways",
    "chain_cycles",
    "chain_stages",
    "layer_cost",
    "stage_of",
    "steps_of",
]

_STEP = 0.9
"""Of its cycles, what an engine may take at most to be tried in place of a slower way."""
_MAC_READER = 1.55
"""Times a pool's tables for reading windows: passes, digits, the weights' address, the pipeline."""
_ROW_CYCLES = 3
"""Between two rows of outputs."""

Computing = Conv | Dense | Pool


def steps_of(layer: Computing, plan: MacPlan | PoolPlan) -> int:
    """Steps of a window."""
    cells = geometry_of(layer, plan).cells
    if isinstance(plan, PoolPlan) or isinstance(layer, Pool):
        return cells
    return groups_of(layer.output_shape[0], plan.kernels) * (bias_digits(layer) + cells)


def stage_of(layer: Computing, plan: LayerPlan) -> Stage:
    """What decides the pace of a layer."""
    if isinstance(plan, EnginePlan):
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
        if isinstance(plan, MacPlan) and plan.skip_zeros:
            made += geometry.cells  # the first window is read before its first pass
        take = geometry.row_words
    rows = range(geometry.output_size[0])
    return Stage(
        kept=geometry.rows,
        needed=tuple(geometry.rows_needed(n) for n in rows),
        dropped=tuple(geometry.rows_dropped(n) for n in rows),
        row_cycles=made,
        take_cycles=take,
    )


def layer_cost(layer: Computing, plan: LayerPlan, chip: Chip) -> Cost:
    """About what a layer takes of a chip."""
    if isinstance(plan, EnginePlan):
        engine = cost.estimate(plan.config)
        return Cost(lut=engine.lut4_eq, dsp=engine.dsp, bram=engine.bram)
    geometry = geometry_of(layer, plan)
    bits = word_of(layer.input_range)[0]
    rows = chip.memory(bits * plan.channels, geometry.words)
    sums = max(limits.bits for limits in layer.accumulator_ranges)
    finish = 3 * sums if layer.requantise is not None else sums / 2
    if isinstance(plan, PoolPlan) or isinstance(layer, Pool):
        lanes = plan.channels
        return Cost(lut=chip.reader + lanes * (1.5 * bits + finish / 2), bram=rows)
    macs = plan.kernels * plan.channels
    weights = chip.memory(weight_bits(layer) * macs, steps_of(layer, plan))
    adders = macs * (sums + bits) / 2 + plan.kernels * 2 * sums
    adders += _factors(layer, plan) * sums
    found = Cost(
        lut=_MAC_READER * chip.reader + adders + plan.kernels * finish,
        dsp=macs,
        bram=rows + weights,
    )
    return found + _skipping_cost(layer, plan, chip) if plan.skip_zeros else found


def _factors(layer: Conv | Dense, plan: MacPlan) -> int:
    """Factors that the requantiser's lanes choose from, in all; a lane with one has no choice."""
    if layer.requantise is None:
        return 0
    factors = layer.requantise.multiplier
    choices = [len(set(factors[n :: plan.kernels].tolist())) for n in range(plan.kernels)]
    return sum(choice for choice in choices if choice > 1)


def _skipping_cost(layer: Conv | Dense, plan: MacPlan, chip: Chip) -> Cost:
    """Of two windows in a memory, each value with its number, and what reads them."""
    cells = geometry_of(layer, plan).cells
    number = (bias_digits(layer) + cells - 1).bit_length()
    width = word_of(layer.input_range)[0] * plan.channels + number
    return Cost(lut=60 + 8 * number, bram=chip.memory(width, 2 << (cells - 1).bit_length()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """A layer as it could be built.

    Parameters
    ----------
    settings : LayerSettings
    plan : LayerPlan
    stage : Stage
    cost : Cost
    price : float
        The cost as one number, on the chip.
    """

    settings: LayerSettings
    plan: LayerPlan
    stage: Stage
    cost: Cost
    price: float


class Ways:
    """Every way to build a layer that its settings allow.

    Parameters
    ----------
    layer : Conv, Dense or Pool
    given : LayerSettings
    chip : Chip
    counter_bits : int
    """

    def __init__(
        self, layer: Computing, given: LayerSettings, chip: Chip, *, counter_bits: int
    ) -> None:
        self.layer = layer
        self.given = given
        self.chip = chip
        self.counter_bits = counter_bits
        self._known: dict[LayerSettings, Way] = {}
        self._faster: dict[LayerSettings, list[Way]] = {}

    def way(self, settings: LayerSettings) -> Way:
        """That of complete settings."""
        if settings not in self._known:
            made = plan_of(self.layer, settings, counter_bits=self.counter_bits)
            price = layer_cost(self.layer, made, self.chip)
            self._known[settings] = Way(
                settings=settings,
                plan=made,
                stage=stage_of(self.layer, made),
                cost=price,
                price=self.chip.share(price),
            )
        return self._known[settings]

    def best(self, budget: float, share: float) -> Way:
        """The smallest that takes a share of the cycles, if one does.

        Raises
        ------
        ConfigError
            If none takes as few as the whole budget.
        """
        every = [self.way(settings) for settings in self._settings(budget, spare=0)]
        least = min((way.stage.cycles for way in every), default=inf)
        if not least <= budget:
            raise ConfigError(
                f"layer {self.layer.name}: no way to build it takes at most {budget:,.0f} cycles a "
                f"frame; the fastest takes {least:,.0f} (ask for a lower rate, or a faster clock)"
            )
        limit = max(budget * share, least)
        return _smallest(way for way in every if way.stage.cycles <= limit)

    def faster(self, way: Way) -> list[Way]:
        """With more rows to spare; and the smallest that takes fewer cycles."""
        if way.settings not in self._faster:
            self._faster[way.settings] = list(self._hastened(way))
        return self._faster[way.settings]

    def _hastened(self, way: Way) -> Iterator[Way]:
        spare = way.settings.spare_rows or 0
        if not isinstance(way.plan, EnginePlan) and self.given.spare_rows is None:
            stride = min(geometry_of(self.layer, way.plan).stride[0], self.layer.input_shape[1])
            yield self.way(replace(way.settings, spare_rows=spare + stride))
        now = way.stage.cycles
        every = (self.way(settings) for settings in self._settings(_STEP * now, spare=spare))
        quicker = [other for other in every if other.stage.cycles < now]
        if quicker:
            yield _smallest(quicker)

    def _settings(self, budget: float, *, spare: int) -> Iterator[LayerSettings]:
        """With so many rows to spare, unless that was given; engines as the budget has them."""
        given, layer = self.given, self.layer
        rows = spare if given.spare_rows is None else given.spare_rows
        channels = [given.channels] if given.channels else _lanes(layer.input_shape[0])
        if isinstance(layer, Pool):
            yield from (replace(given, channels=n, spare_rows=rows) for n in channels)
            return
        if given.build != "engine":
            kernels = [given.kernels] if given.kernels else _lanes(layer.output_shape[0])
            for n, k in product(channels, kernels):
                if given.skip_zeros and not _can_skip(layer, kernels=k, channels=n):
                    continue
                yield replace(given, build="macs", kernels=k, channels=n, spare_rows=rows)
        if given.build != "macs" and isinstance(layer, Conv):
            yield from self._engine(layer, budget)

    def _engine(self, layer: Conv, budget: float) -> Iterator[LayerSettings]:
        """The engine that the settings name, or the smallest that is fast enough."""
        given, has = self.given, self.chip.has
        if given.kernels or given.channels or given.spare_rows is not None or given.skip_zeros:
            return
        settings = replace(given, build="engine")
        try:
            engine = engine_of(layer, settings, counter_bits=self.counter_bits)
            if given.strategy is None and engine.learned:
                _, height, width = layer.input_shape
                rate = height * width / budget if budget < inf else 1e-6
                engine = choose(
                    engine, AutoConfig(goal="area", rate=rate, dsp=has.dsp, bram=has.bram)
                )
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


def _can_skip(layer: Conv | Dense, *, kernels: int, channels: int) -> bool:
    """Whether zeros can be skipped, and whether that could save anything."""
    return kernels < layer.output_shape[0] and layer.input_shape[0] % channels == 0


def _smallest(ways: Iterable[Way]) -> Way:
    return min(ways, key=lambda way: (way.price, way.stage.cycles))


def _lanes(count: int) -> list[int]:
    """Numbers of lanes that differ in the groups that they make, and powers of two."""
    groups = {ceil(count / n) for n in range(1, count + 1)}
    return sorted(groups | {1 << n for n in range(count.bit_length())})


def chain_stages(
    network: Network, layers: Sequence[Computing], made: Sequence[tuple[LayerPlan, Stage]]
) -> list[Stage]:
    """The stages of all layers, with what it takes to bring the channels from one to the next.

    Numbers of channels a beat of which neither divides the other are converted by way of their
    common divisor.
    """
    found: list[Stage] = []
    given = network.input_shape[0]
    for layer, (how, stage) in zip(layers, made, strict=True):
        channels, _, width = layer.input_shape
        taken = channels if isinstance(how, EnginePlan) else how.channels
        beats = width * groups_of(channels, gcd(given, taken))
        found.append(replace(stage, take_cycles=max(stage.take_cycles, beats)))
        match how:
            case EnginePlan():
                given = layer.output_shape[0]
            case MacPlan():
                given = how.kernels
            case PoolPlan():
                given = how.channels
    return found


def chain_cycles(network: Network, layers: Sequence[Computing], ways: Sequence[Way]) -> int:
    """Cycles from frame to frame."""
    return frame_cycles(chain_stages(network, layers, [(way.plan, way.stage) for way in ways]))
