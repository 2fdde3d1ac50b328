"""The protocol benches, on a small engine and on an odd one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hw.engine import Engine
from sim.protocol import run_bench
from sw.configfile import load_config
from sw.numeric import FixedFormat
from sw.spec import LayerSpec, Padding, save_layer

_BENCHES = [f"sim.benches.{name}" for name in ("frames", "weights", "registers")]


def _check(outcomes: dict[str, str | None]) -> None:
    assert outcomes, "the simulator ended before any test did; its log is above"
    failed = {name: text for name, text in outcomes.items() if text is not None}
    assert not failed, "\n".join(f"{name}: {text}" for name, text in failed.items())


def _odd_layer() -> LayerSpec:
    """Signed 5-bit pixels in 15 of 16 bits, padding on three sides, strides, bias, scales."""
    rng = np.random.default_rng(7)
    weight = rng.integers(-32, 32, (5, 3, 3, 2))
    weight[1] = 9 * rng.choice((-1, 1), (3, 3, 2))  # two-valued
    weight[4] = 5 * rng.integers(-1, 2, (3, 3, 2))  # ternary
    return LayerSpec(
        weight=weight,
        input_shape=(3, 5, 6),
        input_format=FixedFormat(bits=5, frac=4, signed=True),
        weight_format=FixedFormat(bits=6, frac=5, signed=True),
        bias=rng.integers(-500, 500, 5),
        scale=rng.integers(1, 32, 5),
        stride=(2, 1),
        padding=Padding(top=1, left=2, right=1),
    )


def test_tiny_engine(build_dir: Path) -> None:
    _check(run_bench(_BENCHES, "tiny", build_dir=build_dir))


def test_engine_with_a_long_way_to_its_datapath(build_dir: Path, tmp_path: Path) -> None:
    """Of the odd layer, whose frames end after their last output."""
    model = tmp_path / "odd.npz"
    save_layer(model, _odd_layer())
    settings = ['strategy="value_table"', 'output.queue="memory"', "bias_bits=11"]
    assert Engine(load_config("tiny", model=model, assignments=settings)).hops
    _check(run_bench(_BENCHES, "tiny", model=model, assignments=settings, build_dir=build_dir))


def test_odd_engine(build_dir: Path, tmp_path: Path) -> None:
    model = tmp_path / "odd.npz"
    save_layer(model, _odd_layer())
    settings = [
        "bias_bits=11",
        'template_scale="register"',
        "table.entries=5",
        "table.multipliers=4",
        "output.kind=requantise",
        "output.bits=7",
        "output.shift=9",
        "output.scale_bits=5",
    ]
    _check(run_bench(_BENCHES, "tiny", model=model, assignments=settings, build_dir=build_dir))
