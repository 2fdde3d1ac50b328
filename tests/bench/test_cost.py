"""The cost model: its fit, the report of its errors, and that what is committed agrees."""

import numpy as np
import pytest

from bench.reuse import cost as command
from bench.reuse.cost import fit
from bench.reuse.cost_points import cost_points
from bench.reuse.cost_report import (
    COST_REPORT,
    COUNTED,
    FITTED,
    errors_of,
    load_cost,
    summarised,
)
from hw.top import make_top
from sw.auto import CANDIDATES
from sw.cost import COEFFICIENTS, MODELLED, cycles_per_frame, estimate
from sw.part_configs import FoldConfig
from tests.hw.layers import make_config, make_layer

MEDIAN, WORST = 0.15, 0.3
"""Most that LUT4-eq may be off on engines outside the fit; the page states what it is."""


def point(strategy, measured, estimated, *, held_out=True):
    return {
        "name": f"{strategy} {measured}",
        "strategy": strategy,
        "held_out": held_out,
        "measured": dict.fromkeys((*FITTED, *COUNTED), measured),
        "estimated": dict.fromkeys((*FITTED, *COUNTED), estimated),
    }


def test_nothing_known_is_an_error_that_says_so(monkeypatch, capsys):
    monkeypatch.setattr(command, "_measured", lambda *_, **__: [])
    monkeypatch.setattr(command, "YOSYS", type("Tool", (), {"version": staticmethod(lambda: "1")}))
    assert command.main(["--known"]) == 2
    assert "leave it out" in capsys.readouterr().err


def test_a_fit_finds_what_made_the_areas():
    rng = np.random.default_rng(1)
    rows = [{"one": 1.0, "bits": float(n), "none": 0.0} for n in rng.integers(1, 999, 20)]
    found = fit(rows, [50 + 2.5 * row["bits"] for row in rows])
    assert found == pytest.approx({"one": 50, "bits": 2.5}, rel=1e-4)


def test_a_fit_has_no_negative_coefficient():
    rows = [{"one": 1.0, "a": float(n), "b": float(n * n)} for n in range(1, 9)]
    found = fit(rows, [100 + 10 * n - 0.5 * n * n for n in range(1, 9)])
    assert "b" not in found
    assert min(found.values()) > 0


def test_errors_are_summed_up_over_what_was_held_out():
    points = [point(s, 100, e) for s in MODELLED for e in (101, 90, 104)]
    points.append(point(MODELLED[0], 100, 900, held_out=False))
    found = summarised(points)[MODELLED[0]]
    assert found["points"] == 3
    assert found["lut4_eq"] == {"median": 0.04, "worst": -0.1}
    assert found["dsp"] == {"median": 4, "worst": -10}


def test_every_candidate_of_auto_has_its_model():
    assert set(CANDIDATES) == set(MODELLED)


def test_points_have_names_of_their_own():
    names = [p.name for p in cost_points()]
    assert len(set(names)) == len(names)


def check_cycles(config, most):
    """At most, so that a rate that was wished for is kept; and not much more."""
    cycles = make_top(config).cycles_per_frame
    assert cycles <= cycles_per_frame(config) <= most * cycles


def test_cycles_are_foretold_as_the_engine_says():
    for found in cost_points():
        if found.config.learned:
            check_cycles(found.config, 1.05)


@pytest.mark.parametrize("fold", [FoldConfig(kernels=2), FoldConfig(taps=3), FoldConfig(taps=9)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize("padding", [0, 2])
def test_cycles_with_strides_and_padding_are_foretold(fold, stride, padding):
    layer = make_layer(
        kernels=3,
        channels=2,
        kernel_shape=(3, 3),
        frame=(9, 14),
        stride=stride,
        padding=(padding, padding, padding, padding),
    )
    check_cycles(make_config(layer, strategy="direct", fold=fold), 2)


needs_report = pytest.mark.skipif(not COST_REPORT.is_file(), reason="no report is committed")


@needs_report
def test_the_report_is_of_the_committed_coefficients():
    configs = {p.name: p for p in cost_points()}
    assert COEFFICIENTS.is_file()
    for found in load_cost()["points"]:
        mine = configs[found["name"]]
        assert mine.held_out == found["held_out"]
        made = estimate(mine.config)
        assert {of: getattr(made, of) for of in found["estimated"]} == found["estimated"], (
            f"{found['name']}: run python -m bench.reuse.cost"
        )


@needs_report
@pytest.mark.parametrize("strategy", MODELLED)
def test_the_errors_are_as_small_as_the_documents_say(strategy):
    report = load_cost()
    assert report["held_out_errors"] == summarised(report["points"])
    found = report["held_out_errors"][strategy]
    assert found["points"] >= 2
    assert found["lut4_eq"]["median"] <= MEDIAN
    mine = [p for p in report["points"] if p["strategy"] == strategy and p["held_out"]]
    assert all(abs(errors_of(p, "lut4_eq")) <= WORST for p in mine)
    assert found["dsp"]["worst"] == 0
