"""The planner: fast enough, as small as can be, as it was told; or a refusal that says what is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hw.boards import BOARDS
from sw.config_error import ConfigError
from sw.network.chips import CHIPS, Cost
from sw.network.config import LayerSettings, NetworkConfig
from sw.network.pace import Stage, frame_cycles
from sw.network.plan import EnginePlan, MacPlan, plans_of
from sw.network.planner import cycles_of, plan
from tests.hw.network.networks import small_network


def config(**changes: Any) -> NetworkConfig:
    return NetworkConfig(name="n", network=small_network(16, (4, 6)), **changes)


def test_the_boards_are_those_there_are():
    assert {name: chip.clock_mhz for name, chip in CHIPS.items()} == {
        name: board.clock_mhz for name, board in BOARDS.items()
    }


def test_without_a_rate_as_small_as_can_be():
    found = plan(config(board="icebreaker"))
    macs = [how for how in plans_of(found.config) if isinstance(how, MacPlan)]
    assert len(macs) >= 2
    assert found.cost.dsp == len(macs), "a multiplier a layer that is built of them"
    assert found.cycles == cycles_of(found.config)


@pytest.mark.parametrize("rate", [100, 1_000, 5_000])
def test_a_rate_is_reached_and_costs_more(rate):
    found = plan(config(board="ulx3s-85f", rate=rate))
    assert found.rate >= rate
    assert cycles_of(found.config) <= 50e6 / rate
    chip = CHIPS["ulx3s-85f"]
    slower = plan(config(board="ulx3s-85f", rate=rate / 4))
    assert chip.share(slower.cost) <= chip.share(found.cost)


def test_the_same_wish_gets_the_same_plan():
    first, second = (plan(config(board="ulx3s-85f", rate=2_000)) for _ in range(2))
    assert first.config.layers == second.config.layers


def test_a_plan_planned_again_stays():
    found = plan(config(board="ulx3s-85f", rate=2_000))
    assert plan(found.config).config.layers == found.config.layers


def test_what_is_given_stays():
    settings = LayerSettings(build="macs", kernels=2, channels=1, spare_rows=1)
    engine = LayerSettings(build="engine", strategy="direct")
    given = {"conv2": settings, "conv1": engine, "pool1": LayerSettings(channels=2)}
    found = plan(config(board="ulx3s-85f", rate=500, layers=given))
    assert found.config.layers["conv2"] == settings
    assert isinstance(plans_of(found.config)[0], EnginePlan)
    assert found.config.layers["conv1"].strategy == "direct"
    assert found.config.layers["pool1"].channels == 2


def test_zeros_are_skipped_only_where_that_can_save_something():
    """The rate is kept without them: they need more memory, and the worst frame has none."""
    skip = LayerSettings(skip_zeros=True)
    wish = {"board": "ulx3s-85f", "rate": 2_000.0}
    found = plan(config(**wish, layers={"conv1": skip, "conv2": skip}))
    first, second = plans_of(found.config)[0], plans_of(found.config)[2]
    assert isinstance(first, MacPlan)
    assert isinstance(second, MacPlan)
    assert first.skip_zeros
    assert second.skip_zeros
    assert second.kernels < 6
    assert 4 % second.channels == 0
    assert found.rate >= 2_000
    never = plan(
        config(
            **wish,
            layers={
                name: replace(found.config.layers[name], skip_zeros=None)
                for name in found.config.layers
            },
        )
    )
    assert found.cost.bram > never.cost.bram
    assert found.cycles >= never.cycles


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"board": "nothing"}, "board must be one of ulx3s-85f"),
        ({"board": "ulx3s-85f", "rate": 1e7}, "no way to build it takes at most 5 cycles"),
        (
            {"board": "icebreaker", "rate": 20_000},
            "needs .* of 5,280 that icebreaker has at 20,000",
        ),
        (
            {"rate": 40_000, "layers": {"conv1": LayerSettings(build="macs", kernels=1)}},
            "layer conv1: no way to build it",
        ),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        plan(config(**changes))


def test_costs_add_up_and_are_compared_by_what_is_scarce():
    chip = CHIPS["icebreaker"]
    cost = sum([Cost(lut=100, dsp=3), Cost(bram=2, dsp=6)], Cost())
    assert cost == Cost(lut=100, dsp=9, bram=2)
    assert chip.lacks(cost) == ["9 multipliers of 8"]
    assert chip.memory(16, 256) == 1
    assert chip.memory(9, 300) == 2
    assert chip.memory(17, 256) == 2


STAGE = Stage(kept=4, needed=(2, 2), dropped=(1, 2), row_cycles=10, take_cycles=4)


def test_the_pace_of_one_layer():
    assert STAGE.cycles == 20
    assert frame_cycles([STAGE]) == 20
    assert frame_cycles([replace(STAGE, kept=3)]) == 24, "the next frame's second row waits"
    assert frame_cycles([replace(STAGE, kept=2)]) == 10 + 4 + 10 + 8, "rows come between alone"
    assert frame_cycles([replace(STAGE, take_cycles=50)]) == 150


def test_the_slowest_layer_has_the_pace_if_there_are_rows_enough():
    slow = Stage(kept=4, needed=(2,), dropped=(2,), row_cycles=70, take_cycles=3)
    assert frame_cycles([STAGE, slow]) == 70
    tight = replace(slow, kept=2)
    assert frame_cycles([STAGE, tight]) > 70
