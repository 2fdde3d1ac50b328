"""docs/user/training.md: what it says of its tables, which are generated, is what they hold."""

import re
from pathlib import Path

import numpy as np
import pytest

from sw.data import load_samples
from sw.paper.accuracy import accuracy_figure, parameter_table
from sw.paper.beyond import bank_rows, format_rows, load_reports
from sw.paper.runs import load_runs, plain_runs
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


def test_how_much_of_it_is_colour(runs, page):
    back, lost = said(page, r"gives back (\d\.\d) points of the same seed's (\d\.\d)")
    seed0 = {
        bank: plain_runs(runs, "cifar10", bank)[0].record["result"]["top1"]
        for bank in ("none", "hlac25", "hlac25-rgb")
    }
    assert seed0["hlac25-rgb"] - seed0["hlac25"] == pytest.approx(back, abs=0.05)
    assert seed0["none"] - seed0["hlac25"] == pytest.approx(lost, abs=0.05)


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
