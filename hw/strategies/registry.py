"""The strategies by name."""

from __future__ import annotations

from collections.abc import Callable

from hw.strategies.constant import Constant
from hw.strategies.contract import Strategy
from hw.strategies.direct import Direct
from hw.strategies.pair_cam import PairCam
from hw.strategies.split_table import SplitTable
from hw.strategies.value_cam import ValueCam
from hw.strategies.value_table import ValueTable
from sw.config import EngineConfig

__all__ = ["STRATEGIES", "make_strategy"]

STRATEGIES: dict[str, Callable[[EngineConfig], Strategy]] = {
    "value_cam": ValueCam,
    "direct": Direct,
    "pair_cam": PairCam,
    "value_table": ValueTable,
    "split_table": SplitTable,
    "constant": Constant,
}


def make_strategy(config: EngineConfig) -> Strategy:
    """What ``config.strategy`` names."""
    return STRATEGIES[config.strategy](config)
