"""``strategy = "auto"``: the best candidate, the same each time; what cannot be is refused."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from sw.auto import BRAM_COST, CANDIDATES, DSP_COST, AutoConfig, chip_area, choose
from sw.config import EngineConfig
from sw.config_error import ConfigError
from sw.configfile import load_config
from sw.cost import Resources, cycles_per_frame, estimate
from sw.numeric import FixedFormat
from sw.part_configs import FoldConfig, LanesConfig, TableConfig
from sw.spec import LayerSpec
from tests.sw.configs import refused


def config(*, kernels=4, channels=2, kernel=3, bits=8, **more):
    weight = np.random.default_rng(1).integers(-99, 100, (kernels, channels, kernel, kernel))
    layer = LayerSpec(
        weight=weight,
        input_shape=(channels, 12, 16),
        input_format=FixedFormat(bits=bits, frac=0, signed=False),
        **more,
    )
    return EngineConfig(name="auto", layer=layer, strategy="direct")


def rate_of(made, misses=0.0):
    _, height, width = made.layer.input_shape
    return height * width / cycles_per_frame(made, misses_per_beat=misses)


def every_engine(base, dsp=156):
    """All foldings there are, by plain loops; those that the configuration refuses are left out.

    The lanes of ``direct`` have multipliers all, none, or as many as there are; digits have the
    widths that are said to be tried.
    """
    layer = base.layer
    strategies = [("direct", 4), ("value_table", 4), *(("split_table", n) for n in (2, 3, 4, 6))]
    for (strategy, digit_bits), kernels, channels, taps, lanes in product(
        strategies,
        range(1, len(base.learned) + 1),
        range(1, layer.channels + 1),
        range(1, layer.taps + 1),
        (0, dsp, 4096),
    ):
        fold = FoldConfig(kernels=kernels, channels=channels, taps=taps)
        made = {"fold": fold, "lanes": LanesConfig(multipliers=lanes)}
        try:
            table = replace(base.table, digit_bits=digit_bits)
            yield replace(base, strategy=strategy, table=table, **made)
        except ConfigError:
            continue


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_no_engine_of_that_rate_is_smaller(rate, bits):
    base = config(bits=bits)
    chosen = choose(base, AutoConfig(goal="area", rate=rate))
    assert rate_of(chosen) >= rate
    fast = [chip_area(estimate(c)) for c in every_engine(base) if rate_of(c) >= rate]
    assert chip_area(estimate(chosen)) == min(fast)


@pytest.mark.parametrize("lut4_eq", [1500, 2500, 4000, 9000])
@pytest.mark.parametrize(("dsp", "bram"), [(156, 208), (4, 60), (30, 4)])
def test_no_engine_of_that_size_is_faster(lut4_eq, dsp, bram):
    base = config()

    def fits(area):
        return area.lut4_eq <= lut4_eq and area.dsp <= dsp and area.bram <= bram

    rates = [rate_of(c) for c in every_engine(base, dsp) if fits(estimate(c))]
    wish = AutoConfig(goal="rate", lut4_eq=lut4_eq, dsp=dsp, bram=bram)
    if not rates:
        assert "the smallest is" in refused(choose, base, wish)
        return
    chosen = choose(base, wish)
    assert fits(estimate(chosen))
    assert rate_of(chosen) == max(rates)


def test_the_choice_is_the_same_each_time_and_whatever_was_there():
    wish = AutoConfig(goal="area", rate=0.1)
    first = choose(config(), wish)
    other = replace(config(), strategy="value_cam", table=TableConfig(entries=3, multipliers=1))
    again = choose(other, wish)
    assert (first.strategy, first.fold, first.auto) == (again.strategy, again.fold, again.auto)


def test_the_choice_says_why():
    chosen = choose(config(), AutoConfig(goal="area", rate=0.1))
    assert chosen.auto is not None
    area = estimate(chosen)
    assert chosen.auto.lut4_eq == area.lut4_eq
    assert chosen.auto.pixels_per_cycle == pytest.approx(rate_of(chosen), abs=1e-6)
    assert re.match(
        rf"{chosen.strategy}, fold \d x \d x \d(, digits of \d bits)? \(some [\d,]+ LUT4-eq, "
        r"\d+ multipliers, \d+ block memories; [\d.]+ pixels a cycle\): the least area of "
        r"\d+ engines that make 0\.1; the smallest of another strategy is ",
        chosen.auto.text,
    )


def test_only_the_strategy_and_its_resources_are_chosen():
    base = replace(config(), bias_bits=9, counter_bits=40, table=TableConfig(ways=8))
    chosen = choose(base, AutoConfig(goal="area", rate=0.1))
    assert (chosen.bias_bits, chosen.counter_bits, chosen.table.ways) == (9, 40, 8)
    assert chosen.layer is base.layer


@pytest.mark.parametrize("strategy", ["direct", "split_table"])
def test_a_strategy_can_be_asked_for(strategy):
    wish = AutoConfig(goal="area", rate=0.1, strategies=(strategy,))
    assert choose(config(), wish).strategy == strategy


def test_a_cam_is_chosen_where_it_was_seen_to_hit():
    """16-bit words that seldom miss, and a chip without multipliers to spare."""
    base = config(kernels=8, channels=1, kernel=5, bits=16)
    wish = AutoConfig(goal="area", rate=0.8, dsp=8, bram=8, hit_rates={16: 0.999})
    chosen = choose(base, replace(wish, strategies=("value_cam",)))
    assert (chosen.strategy, chosen.table.entries) == ("value_cam", 16)
    assert f"16 entries, {chosen.table.multipliers} multipliers" in chosen.auto.text
    said = refused(choose, base, AutoConfig(goal="area", rate=0.9, strategies=("value_cam",)))
    assert "value_cam: none of them can compute this layer (value_cam needs auto.hit_rates)" in said


def test_a_cam_that_misses_takes_more_multipliers():
    base = config(kernels=8, channels=1, kernel=5, bits=16)
    lanes = [
        choose(
            base,
            AutoConfig(goal="area", rate=rate, hit_rates={16: 0.9}, strategies=("value_cam",)),
        ).table.multipliers
        for rate in (0.1, 0.2, 0.3)
    ]
    assert lanes == sorted(set(lanes))


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"goal": "area", "rate": 1.5},
            r"auto\.rate: no engine makes 1\.5 pixels a cycle within .*; the fastest is ",
        ),
        (
            {"goal": "rate", "lut4_eq": 50},
            r"auto\.lut4_eq: no engine has at most 50 LUT4-eq within .*; the smallest is ",
        ),
        (
            {"goal": "area", "rate": 0.1, "dsp": 0, "bram": 0, "strategies": ("direct",)},
            r"auto: no engine has at most 0 multipliers and 0 block .*; the nearest is direct, ",
        ),
    ],
)
def test_what_cannot_be_names_the_nearest_that_can(wish, message):
    assert re.match(message, refused(choose, config(), AutoConfig(**wish)))


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"goal": "speed", "rate": 1}, "auto.goal must be area or rate, not 'speed'"),
        ({"goal": "area"}, "auto.rate must be above 0 with auto.goal = area, not 0"),
        ({"goal": "rate"}, "auto.lut4_eq must be above 0 with auto.goal = rate, not 0"),
        ({"goal": "area", "rate": 1, "lut4_eq": 9}, "auto.lut4_eq is what auto.goal = area finds"),
        ({"goal": "rate", "rate": 1, "lut4_eq": 9}, "auto.rate is what auto.goal = rate finds"),
        ({"rate": 1, "dsp": -1}, "auto.dsp must be 0 or more, not -1"),
        ({"rate": 1, "strategies": ("constant",)}, "auto.strategies must be some of direct, "),
        ({"rate": 1, "strategies": ()}, "not none"),
        ({"rate": 1, "hit_rates": {8: 1.5}}, "auto.hit_rates.8 must be 0 to 1"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wish, message):
    assert message in refused(AutoConfig, **wish)


def test_a_serial_bank_is_not_foretold():
    base = replace(load_config("cifar10-layer1"), bank="serial")
    assert "bank must be parallel" in refused(choose, base, AutoConfig(rate=0.1))


def test_templates_alone_leave_nothing_to_choose():
    chosen = choose(load_config("mnist-hlac25"), AutoConfig(rate=0.1))
    assert chosen.auto.text == "nothing to choose: no learned kernels"


def test_an_area_is_one_number():
    assert chip_area(Resources(lut4_eq=100, ff=7, dsp=2, bram=3)) == (
        100 + 2 * DSP_COST + 3 * BRAM_COST
    )


def test_every_candidate_is_foretold():
    for strategy in CANDIDATES:
        assert estimate(replace(config(), strategy=strategy)).lut4_eq > 0


def test_a_file_can_wish():
    wishes = ["strategy=auto", "auto.goal=area", "auto.rate=0.04"]
    chosen = load_config("cifar10-layer1", assignments=wishes)
    assert chosen.strategy in CANDIDATES
    assert chosen.auto.pixels_per_cycle >= 0.04
    rates = ["auto.hit_rates={64=0.6}", 'auto.strategies=["value_cam"]', "auto.rate=0.01"]
    chosen = load_config("cifar10-layer1", assignments=[*wishes, *rates])
    assert (chosen.strategy, chosen.table.entries) == ("value_cam", 64)
    whole = load_config("cifar10-layer1", assignments=[*wishes, "auto.rate=1"])
    assert whole.fold == FoldConfig()


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["strategy=auto"], "strategy = auto: the table auto says what is wished for"),
        (["strategy=auto", "auto.rate=1", "fold.taps=3"], "fold is what strategy = auto chooses"),
        (["auto.speed=1"], "unknown key auto.speed; known: auto.bram, auto.dsp, "),
        (["auto.rate=fast"], "auto.rate must be of type float, not 'fast'"),
        (["auto.rate=1", "auto.hit_rates={many=1}"], "auto.hit_rates: expected entries = hit rate"),
        (["auto.rate=1", "auto.strategies=direct"], "auto.strategies must be a list"),
        (["strategy=auto", "auto.rate=9"], "auto.rate: no engine makes 9 pixels a cycle"),
    ],
)
def test_a_files_wish_that_cannot_be_is_refused(assignments, message):
    assert message in refused(load_config, "cifar10-layer1", assignments=assignments)
