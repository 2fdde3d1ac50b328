"""One contract for every stream block: nothing lost, doubled, reordered, withdrawn or late.

A new block adds a :class:`Case` to :data:`CASES`. A beat-synchronous one says its latency in
beats, which is measured here; another one gives the exact list of what must come out.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from amaranth.lib import wiring

from hw.blocks.requantise import Requantise
from hw.blocks.tapped_delay import TappedDelay
from sw.config import EngineConfig
from sw.numeric import requantise
from sw.part_configs import OutputConfig
from sw.spec import LayerSpec
from tests.hw.streams import PAUSES, Setup, matches, pause_seed, run_beats, run_streams


@dataclass(frozen=True, kw_only=True)
class Case:
    """A stream block with members ``i`` and ``o``, and what it must do.

    Parameters
    ----------
    name : str
    make : callable
        A new instance.
    payloads : callable
        Inputs, from a random generator.
    model : callable
        From the inputs to the outputs; ``None`` in an output stands for anything.
    latency : callable, optional
        Of the instance, in beats. None: not beat-synchronous, the outputs are exactly the model's.
    setup : Setup, optional
        Sets inputs that are not streams.
    """

    name: str
    make: Callable[[], wiring.Component]
    payloads: Callable[[random.Random], list[Any]]
    model: Callable[[list[Any]], list[Any]]
    latency: Callable[[Any], int] | None = None
    setup: Setup | None = None


def layer_config(output: OutputConfig) -> EngineConfig:
    layer = LayerSpec(weight=np.array([[[[3, -7]]], [[[1, 1]]]]), input_shape=(1, 1, 2))
    return EngineConfig(name="test", layer=layer, output=output)


def tapped_delay(*taps: int) -> Case:
    def model(inputs):
        return [[inputs[t - tap] if t >= tap else None for tap in taps] for t in range(len(inputs))]

    return Case(
        name=f"TappedDelay{list(taps)}",
        make=lambda: TappedDelay(8, taps),
        payloads=lambda rng: [rng.randrange(256) for _ in range(120)],
        model=model,
        latency=lambda _: 0,
    )


def requantiser(name: str, output: OutputConfig) -> Case:
    config = layer_config(output)
    scale = [11, 250]
    limits = [config.accumulator_range(k) for k in range(2)]

    def payloads(rng):
        return [{f"k{k}": rng.randint(r.lo, r.hi) for k, r in enumerate(limits)} for _ in range(60)]

    def model(inputs):
        rows = np.array([[beat["k0"], beat["k1"]] for beat in inputs])
        if output.kind == "requantise":
            factor = scale if output.scale_bits else 1
            rows = requantise(rows, scale=factor, shift=output.shift, limits=output.limits)
        return np.maximum(rows, 0).tolist() if output.relu else rows.tolist()

    return Case(
        name=f"Requantise, {name}",
        make=lambda: Requantise(config),
        payloads=payloads,
        model=model,
        latency=lambda dut: dut.latency,
        setup=(lambda ctx, dut: ctx.set(dut.i_scale, scale)) if output.scale_bits else None,
    )


CASES = [
    tapped_delay(0),
    tapped_delay(1, 3),
    tapped_delay(34, 0, 33, 2, 4),
    requantiser("exact", OutputConfig()),
    requantiser("exact, ReLU", OutputConfig(relu=True)),
    requantiser("shift", OutputConfig(kind="requantise", shift=5)),
    requantiser("scale, ReLU", OutputConfig(kind="requantise", shift=9, scale_bits=8, relu=True)),
]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def first_difference(actual: list[Any], expected: list[Any]) -> str:
    for n, (got, wanted) in enumerate(zip(actual, expected, strict=False)):
        if not matches(got, wanted):
            return f"output {n} is {got}, not {wanted}"
    return f"{len(actual)} outputs, not {len(expected)}"


@each_case
@pytest.mark.parametrize("pause", PAUSES, ids=lambda p: f"{p[0].value}-{p[1].value}")
def test_delivers_what_the_model_says(case, pause):
    inputs = case.payloads(random.Random(f"{pause_seed()} {case.name}"))
    expected = case.model(inputs)
    dut = case.make()
    if case.latency is None:
        actual = run_streams(dut, {"i": inputs}, pause=pause, setup=case.setup)["o"]
    else:
        latency = case.latency(dut)
        actual = run_beats(dut, inputs, latency, pause=pause, setup=case.setup)
    assert matches(actual, expected), first_difference(actual, expected)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.latency is not None], ids=lambda case: case.name
)
def test_latency_is_what_it_measures(case):
    """Among all delays near the stated one, the results fit that one alone."""
    assert case.latency is not None
    inputs = case.payloads(random.Random(f"{pause_seed()} {case.name}"))
    expected = case.model(inputs)
    dut = case.make()
    stated = case.latency(dut)
    results = run_streams(dut, {"i": [*inputs, *inputs[: stated + 4]]}, setup=case.setup)["o"]
    fits = [
        delay
        for delay in range(stated + 5)
        if matches(results[delay : delay + len(inputs)], expected)
    ]
    assert fits == [stated]
