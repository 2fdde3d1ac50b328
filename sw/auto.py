"""``strategy = "auto"``: the strategy, the folding and the table that serve a wish best.

:func:`choose` is a pure function of a configuration and a wish. It weighs every candidate by the
cost model of :mod:`sw.cost` and takes the best; the same wish always gets the same engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from math import ceil
from typing import Any, Literal

from .config import EngineConfig
from .config_error import ConfigError, require, require_one_of
from .cost import Resources, cycles_per_frame, estimate
from .part_configs import MAX_LEARNED_PRODUCTS, AutoChoice, FoldConfig, LanesConfig

__all__ = ["BRAM_COST", "CANDIDATES", "DSP_COST", "AutoConfig", "chip_area", "choose"]

DSP_COST, BRAM_COST = 536, 402
"""LUT4-eq that a multiplier and a block memory count as: the ECP5-85F has 83,640 LUTs, 156
multipliers and 208 block memories."""
_CHIP_DSP, _CHIP_BRAM = 156, 208

CANDIDATES = ("direct", "value_table", "split_table", "value_cam")
"""The strategies that can be chosen: with weights that are loaded at run time, and foretold."""

_DIGIT_BITS = (2, 3, 4, 6)
_MULTIPLIERS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, kw_only=True)
class AutoConfig:
    """What is wished for.

    Parameters
    ----------
    goal : "area" | "rate"
        The least area that reaches ``rate``, or the highest rate within ``lut4_eq``.
    rate : float
        Pixels a cycle, above 0; with the goal "area" only.
    lut4_eq : int
        Of the whole engine; with the goal "rate" only.
    dsp, bram : int
        Multipliers and block memories that may be used: those of the ECP5-85F, if not given.
    strategies : tuple of str
        Those that may be chosen.
    hit_rates : mapping of entries to hit rate
        What ``value_cam`` with so many entries a channel finds on the user's images, 0 to 1, as
        ``python -m sw.reference --json`` counts it. It is not chosen with other entries.
    """

    goal: Literal["area", "rate"] = "area"
    rate: float = 0
    lut4_eq: int = 0
    dsp: int = _CHIP_DSP
    bram: int = _CHIP_BRAM
    strategies: tuple[str, ...] = CANDIDATES
    hit_rates: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_one_of("auto.goal", self.goal, ("area", "rate"))
        wanted, other = ("rate", "lut4_eq") if self.goal == "area" else ("lut4_eq", "rate")
        require(
            getattr(self, wanted) > 0,
            f"auto.{wanted} must be above 0 with auto.goal = {self.goal}, not "
            f"{getattr(self, wanted)}",
        )
        require(
            not getattr(self, other),
            f"auto.{other} is what auto.goal = {self.goal} finds: leave it out",
        )
        for name in ("dsp", "bram"):
            limit = getattr(self, name)
            require(limit >= 0, f"auto.{name} must be 0 or more, not {limit}")
        require(
            bool(self.strategies) and set(self.strategies) <= set(CANDIDATES),
            f"auto.strategies must be some of {', '.join(CANDIDATES)}, not "
            f"{', '.join(map(str, self.strategies)) or 'none'}",
        )
        for entries, rate in self.hit_rates.items():
            require(
                0 <= rate <= 1,
                f"auto.hit_rates.{entries} must be 0 to 1, the share of lookups that hit, "
                f"not {rate}",
            )


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """An engine that could be built."""

    config: EngineConfig
    area: Resources
    rate: float

    @property
    def order(self) -> tuple[float, ...]:
        """Small first; of equals the faster."""
        return chip_area(self.area), -self.rate, self.config.fold.cycles


def chip_area(area: Resources) -> int:
    """One number for an area: LUT4-eq, with multipliers and block memories as so many more."""
    return area.lut4_eq + DSP_COST * area.dsp + BRAM_COST * area.bram


def choose(config: EngineConfig, wish: AutoConfig) -> EngineConfig:
    """The engine that serves the wish best; what it is of ``config`` but for the strategy stays.

    Parameters
    ----------
    config : EngineConfig
        Its ``strategy``, ``fold``, ``table.digit_bits``, ``table.entries`` and
        ``table.multipliers`` do not matter.
    wish : AutoConfig

    Raises
    ------
    ConfigError
        If nothing does; the message names the nearest that there is.
    """
    if not config.learned:
        return replace(config, auto=AutoChoice(text="nothing to choose: no learned kernels"))
    require(
        config.bank == "parallel",
        "bank must be parallel with strategy = auto, which foretells no serial one",
    )
    candidates = list(_candidates(config, wish))
    require(
        bool(candidates),
        f"auto.strategies: {', '.join(wish.strategies)}: none of them can compute this layer"
        + (" (value_cam needs auto.hit_rates)" if "value_cam" in wish.strategies else ""),
    )
    fitting = [c for c in candidates if c.area.dsp <= wish.dsp and c.area.bram <= wish.bram]
    if not fitting:
        nearest = min(
            candidates,
            key=lambda c: (
                max(c.area.dsp - wish.dsp, 0) * DSP_COST
                + max(c.area.bram - wish.bram, 0) * BRAM_COST,
                *c.order,
            ),
        )
        raise ConfigError(
            f"auto: no engine has at most {wish.dsp} multipliers and {wish.bram} block memories; "
            f"the nearest is {_described(nearest)}"
        )
    return _best_area(fitting, wish) if wish.goal == "area" else _best_rate(fitting, wish)


def _best_area(candidates: list[_Candidate], wish: AutoConfig) -> EngineConfig:
    fast = [c for c in candidates if c.rate >= wish.rate]
    if not fast:
        nearest = min(candidates, key=lambda c: (-c.rate, *c.order))
        raise ConfigError(
            f"auto.rate: no engine makes {wish.rate:g} pixels a cycle within auto.dsp and "
            f"auto.bram; the fastest is {_described(nearest)}"
        )
    best = min(fast, key=lambda c: c.order)
    return _chosen(best, fast, f"the least area of {len(fast)} engines that make {wish.rate:g}")


def _best_rate(candidates: list[_Candidate], wish: AutoConfig) -> EngineConfig:
    small = [c for c in candidates if c.area.lut4_eq <= wish.lut4_eq]
    if not small:
        nearest = min(candidates, key=lambda c: (c.area.lut4_eq, *c.order))
        raise ConfigError(
            f"auto.lut4_eq: no engine has at most {wish.lut4_eq:,} LUT4-eq within auto.dsp and "
            f"auto.bram; the smallest is {_described(nearest)}"
        )
    best = min(small, key=lambda c: (-c.rate, *c.order))
    return _chosen(
        best, small, f"the fastest of {len(small)} engines of at most {wish.lut4_eq:,} LUT4-eq"
    )


def _chosen(best: _Candidate, among: list[_Candidate], because: str) -> EngineConfig:
    """The engine, with what is to be said about it."""
    others = [c for c in among if c.config.strategy != best.config.strategy]
    text = f"{_described(best)}: {because}"
    if others:
        second = min(others, key=lambda c: c.order)
        text += f"; the smallest of another strategy is {_described(second)}"
    choice = AutoChoice(
        text=text,
        lut4_eq=best.area.lut4_eq,
        ff=best.area.ff,
        dsp=best.area.dsp,
        bram=best.area.bram,
        pixels_per_cycle=round(best.rate, 6),
    )
    return replace(best.config, auto=choice)


def _described(candidate: _Candidate) -> str:
    config, area = candidate.config, candidate.area
    fold = config.fold
    words = [config.strategy, f"fold {fold.kernels} x {fold.channels} x {fold.taps}"]
    if config.strategy == "split_table":
        words.append(f"digits of {config.table.digit_bits} bits")
    if config.strategy == "value_cam":
        words.append(f"{config.table.entries} entries, {config.table.multipliers} multipliers")
    return (
        f"{', '.join(words)} (some {area.lut4_eq:,} LUT4-eq, {area.dsp} multipliers, {area.bram} "
        f"block memories; {candidate.rate:.3g} pixels a cycle)"
    )


def _candidates(config: EngineConfig, wish: AutoConfig) -> Iterator[_Candidate]:
    """Every engine that could be built."""
    _, height, width = config.layer.input_shape
    for changes, misses in _settings(config, wish):
        try:
            made = replace(config, auto=None, **changes)
        except ConfigError:
            continue
        rate = height * width / cycles_per_frame(made, misses_per_beat=misses)
        yield _Candidate(config=made, area=estimate(made), rate=rate)


def _settings(config: EngineConfig, wish: AutoConfig) -> Iterator[tuple[dict[str, Any], float]]:
    """What is changed in the configuration, and the misses a beat that it has then."""
    for strategy in wish.strategies:
        if strategy == "value_cam":
            yield from _cams(config, wish)
            continue
        if strategy == "split_table":
            yield from _split_tables(config)
            continue
        # Lanes without a multiplier make their products of logic.
        most = (0, wish.dsp, MAX_LEARNED_PRODUCTS) if strategy == "direct" else (0,)
        for fold, lanes in product(_folds(config, strategy), sorted(set(most))):
            changes = {"strategy": strategy, "fold": fold}
            yield changes | {"lanes": LanesConfig(multipliers=lanes)}, 0


def _split_tables(config: EngineConfig) -> Iterator[tuple[dict[str, Any], float]]:
    """With digits of every width: how deep a chip's small memories are decides which is best."""
    for bits, fold in product(_DIGIT_BITS, _folds(config, "split_table")):
        table = replace(config.table, digit_bits=bits)
        yield {"strategy": "split_table", "fold": fold, "table": table}, 0


def _cams(config: EngineConfig, wish: AutoConfig) -> Iterator[tuple[dict[str, Any], float]]:
    """Of ``value_cam``: the entries whose hit rate is known."""
    for (entries, hits), multipliers, fold in product(
        sorted(wish.hit_rates.items()), _MULTIPLIERS, _folds(config, "value_cam")
    ):
        table = replace(config.table, entries=entries, multipliers=multipliers)
        changes = {"strategy": "value_cam", "fold": fold, "table": table}
        yield changes, config.layer.channels * (1 - hits)


def _folds(config: EngineConfig, strategy: str) -> list[FoldConfig]:
    """Every folding that a strategy can have."""
    layer = config.layer
    taps = _groups(layer.taps) if strategy == "direct" else [1]
    every = product(_groups(len(config.learned)), _groups(layer.channels), taps)
    return [FoldConfig(kernels=k, channels=c, taps=t) for k, c, t in every]


def _groups(parts: int) -> list[int]:
    """Numbers of groups that differ in their largest; the fewest groups of each."""
    return sorted({ceil(parts / ceil(parts / groups)) for groups in range(1, parts + 1)})
