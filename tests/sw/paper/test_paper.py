"""Tables and figures from stored runs."""

import json

import numpy as np
import pytest

from sw.cli import InputError
from sw.pairs import REPEAT_BINS
from sw.paper import pair_tables, published
from sw.paper.__main__ import main
from sw.paper.accuracy import accuracy_figure, baselines, parameter_table
from sw.paper.document import markdown
from sw.paper.pair_tables import DRAWS, IMAGES_A_DRAW, draws_of, matched_draws, quantised
from sw.paper.plots import accuracy_plot
from sw.paper.runs import load_runs
from sw.paper.statistics import mean_interval, student95

from .stored import store, store_all

FEW_DRAWS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    store_all(place)
    return place


@pytest.fixture(scope="module")
def written(folder, tmp_path_factory):
    """What the command writes, of fewer draws than it takes otherwise."""
    place = tmp_path_factory.mktemp("paper") / "out"
    words = ["--runs", str(folder), "--reports", str(folder.parent), "--out", str(place)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_tables, "DRAWS", FEW_DRAWS)
        assert main(words) == 0
    return place


@pytest.fixture(scope="module")
def paper(written):
    return json.loads((written / "paper.json").read_text())


@pytest.mark.parametrize("bank", ["none", "hlac25"])
@pytest.mark.parametrize("name", published.FORMATS)
def test_the_papers_columns_add_up(bank, name):
    rows = published.REPEATS[bank][name]
    assert len(rows) == len(REPEAT_BINS) == len(published.bin_names())
    assert sum(rows) == pytest.approx(published.DISTINCT[bank][name], abs=0.5)


def test_parameters_of_the_first_layer(folder):
    table = parameter_table(load_runs(folder))
    assert table["ours"] == table["paper"] == {"none": 864, "hlac25": 189}
    assert table["reduction_percent"] == pytest.approx(78.125)


def test_fixed8_rounds_and_does_not_saturate():
    weight = np.array([0.57735, -0.57735, 0.001953125, 1.5], np.float32)
    assert quantised(weight, "fixed8").tolist() == [148, -148, 0, 384]
    assert quantised(weight, "float16").dtype == np.float16


@pytest.mark.parametrize(("table", "bank"), [("table2", "none"), ("table3", "hlac25")])
def test_matched_draws_are_near_the_paper(paper, table, bank):
    columns = paper[table]["initial"]["matched"]
    assert abs(columns["float32"]["off_percent"]) < 0.05
    for name in published.FORMATS:
        assert abs(columns[name]["off_percent"]) < 3
        expected = columns[name]["distinct"]["mean"] / published.DISTINCT[bank][name] - 1
        assert columns[name]["off_percent"] == pytest.approx(100 * expected)


@pytest.mark.parametrize("table", ["table2", "table3"])
@pytest.mark.parametrize("when", ["initial", "trained"])
@pytest.mark.parametrize("which", ["drawn", "matched"])
def test_a_column_adds_up(paper, table, when, which):
    for column in paper[table][when][which].values():
        distinct = column["distinct"]
        assert sum(column["repeats"]) == pytest.approx(distinct["mean"])
        assert distinct["n"] == FEW_DRAWS
        assert distinct["low"] < distinct["mean"] < distinct["high"]
        share = distinct["mean"] / published.MULTIPLICATIONS
        assert column["executed_percent"] == pytest.approx(100 * share)


def test_before_and_after_use_the_same_images():
    draws = draws_of(1000)
    assert np.array_equal(draws, draws_of(1000))
    assert draws.shape == (DRAWS, IMAGES_A_DRAW)
    assert DRAWS >= 100
    assert all(len(set(draw)) == IMAGES_A_DRAW for draw in draws)


def test_matched_draws_have_the_mean_asked_for(rng):
    distinct = rng.integers(100, 1000, 300)
    draws = matched_draws(distinct, 500.0)
    assert distinct[draws].mean(axis=1) == pytest.approx(500, abs=2)
    assert len(draws) == DRAWS


def test_curves_are_means_over_seeds(folder):
    figure = accuracy_figure(load_runs(folder), "mnist")
    assert figure["none"]["seeds"] == [0, 1]
    assert figure["none"]["epoch"] == [1, 2, 3]
    assert figure["none"]["top1"]["mean"] == [78.5, 79.5, 80.5]
    assert figure["none"]["top1"]["low"] == [78, 79, 80]
    assert figure["none"]["top1"]["high"] == [79, 80, 81]
    assert figure["difference"]["top1"] == 1


def test_all_kinds_of_runs_are_listed(folder):
    rows = baselines(load_runs(folder))
    assert [row["data"] for row in rows] == ["cifar10"] * 3 + ["mnist"] * 2
    assert [row["top1"]["mean"] for row in rows[:3]] == [80.5, 79.5, 70]
    assert rows[2]["system"] == "binary"


def test_intervals():
    assert mean_interval([1.0]) == {"mean": 1, "ci95": None, "n": 1}
    three = mean_interval([1.0, 2.0, 3.0])
    assert three["ci95"] == pytest.approx(4.303 / 3**0.5)  # of every table of Student's t
    assert student95(30) == pytest.approx(2.042, abs=0.005)
    assert student95(199) == pytest.approx(1.972, abs=0.001)
    with pytest.raises(ValueError, match="freedom must be 1 or more"):
        student95(0)


def test_the_command_writes_all_of_it(written, paper):
    names = {path.name for path in written.iterdir()}
    figures = ("figure8", "figure9", "banks")
    pictures = {f"{name}.{kind}" for name in figures for kind in ("svg", "png")}
    assert names == {"paper.md", "paper.json", *pictures}
    assert {"table1", "table2", "table3", "figure8", "figure9"} <= paper.keys()
    page = (written / "paper.md").read_text()
    assert "| distinct pairs |" in page
    assert "147,224.6" in page


def test_the_same_runs_give_the_same_bytes(written, paper):
    assert (written / "paper.md").read_text() == markdown(paper)
    for kind, content in accuracy_plot(paper["figure8"]).items():
        assert (written / f"figure8.{kind}").read_bytes() == content


def test_without_runs(tmp_path, capsys):
    assert main(["--runs", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "no stored runs; `make train` makes them" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_missing(tmp_path):
    store(tmp_path, "cifar10", "none")
    with pytest.raises(InputError, match="no stored run cifar10-plain-hlac25"):
        parameter_table(load_runs(tmp_path))


def test_a_damaged_run(tmp_path):
    store(tmp_path, "cifar10", "none")
    (tmp_path / "cifar10-plain-none-s0" / "metrics.jsonl").write_text("")
    with pytest.raises(InputError, match="cifar10-plain-none-s0: not a stored run"):
        load_runs(tmp_path)
