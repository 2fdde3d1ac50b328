"""docs/user/training.md: what it says of its tables, which are generated, is what they hold."""

import re
from pathlib import Path

import numpy as np
import pytest

from sw.data import load_samples
from sw.paper.accuracy import accuracy_figure, parameter_table
from sw.paper.beyond import bank_rows, format_rows, load_reports
from sw.paper.runs import load_runs
from sw.paper.spread import effective_rank, patch_covariance
from sw.templates import hlac25

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs():
    return load_runs(ROOT / "reports/training")


@pytest.fixture(scope="module")
def page():
    return " ".join((ROOT / "docs/user/training.md").read_text().split())


@pytest.fixture(scope="module")
def banks(runs):
    rows = bank_rows(runs, load_reports(ROOT / "reports"))
    return {(row["data"], row["bank"], row["fixed"]): row for row in rows}


def said(page, pattern):
    """The numbers that the page says where the pattern has groups."""
    match = re.search(pattern, page)
    assert match, pattern
    return [float(group) for group in match.groups()]


def test_what_templates_cost(runs, page):
    for data, number in zip(
        ("cifar10", "mnist"),
        said(page, r"HLAC-25 costs (\d\.\d) points on CIFAR-10 and (\d\.\d) on MNIST"),
        strict=True,
    ):
        assert round(accuracy_figure(runs, data)["difference"]["top1"], 1) == number


def test_what_colour_and_difference_give_back(runs, page):
    lost, colour, again, difference, whole = said(
        page,
        r"of seed 0, where it costs (\d\.\d) points.* gives back (\d\.\d) points of the (\d\.\d),"
        r".* give back (\d\.\d) points of the (\d\.\d)\.",
    )
    top1 = {run.record["name"]: run.record["result"]["top1"] for run in runs}
    names = ("none", "hlac25", "hlac25-rgb", "ternary-f25")
    none, hlac25, rgb, ternary = (top1[f"cifar10-plain-{name}-s0"] for name in names)
    assert lost == again == whole == round(none - hlac25, 1)
    assert (colour, difference) == (round(rgb - hlac25, 1), round(ternary - hlac25, 1))


@pytest.mark.parametrize("data", ["mnist", "cifar10"])
def test_ternary_templates_stay_within_the_interval(banks, data, page):
    assert "`ternary` stays within the learned layer's interval on both data sets" in page
    learned, found = (banks[data, *kind]["top1"] for kind in (("none", 0), ("ternary", 25)))
    assert abs(learned["mean"] - found["mean"]) < learned["ci95"]
    adders = [banks["cifar10", bank, 25]["adders"] for bank in ("ternary", "hlac25")]
    assert adders[0] == 2 * adders[1]


def test_on_mnist_no_bank_can_be_told_from_another(banks):
    rows = [row for (data, _, _), row in banks.items() if data == "mnist"]
    spread = max(row["top1"]["ci95"] or 0 for row in rows)
    means = [row["top1"]["mean"] for row in rows]
    assert max(means) - min(means) < 2 * spread


def test_how_much_templates_say(banks, page):
    found = said(
        page, r"effective rank of the 25 templates is (\d\.\d), of a learned layer (\d\.\d)"
    )
    alike = np.repeat(hlac25()[:, np.newaxis], 3, axis=1)
    rank = effective_rank(alike, patch_covariance(load_samples("cifar10").images))
    assert [round(rank, 1), round(banks["cifar10", "none", 0]["rank"], 1)] == found


def test_quantised_runs_are_within_half_a_point(runs):
    rows = format_rows(runs)
    names = {(row["name"], row["format"]) for row in rows}
    for data in ("mnist", "cifar10"):
        for bank in ("none", "hlac25"):
            assert (f"{data}-plain-{bank}-s0", "fixed8") in names
    assert all(row["below"] <= 0.5 for row in rows)


def test_the_first_layer_is_the_papers(runs):
    table = parameter_table(runs)
    assert table["ours"] == table["paper"]
