"""docs/user/training.md: its figures are those of the stored runs."""

import re
from pathlib import Path

import pytest

from sw.paper.accuracy import accuracy_figure, baselines, parameter_table
from sw.paper.runs import load_runs

ROOT = Path(__file__).parents[2]
BANKS = {"all learned": "none", "25 HLAC templates": "hlac25", "8 local binary patterns": "lbp"}


@pytest.fixture(scope="module")
def runs():
    return load_runs(ROOT / "reports/training")


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs/user/training.md").read_text()


@pytest.fixture(scope="module")
def rows(page):
    """The cells of the measured table, by what the first layer is."""
    lines = [re.split(r"\s*\|\s*", line.strip("| ")) for line in page.splitlines() if "|" in line]
    return {line[0]: line[1:] for line in lines if line[0] in BANKS}


def shown(value):
    spread = "" if value["ci95"] is None else f" ± {value['ci95']:.2f}"
    return f"{value['mean']:.2f}{spread} %"


@pytest.mark.parametrize("name", BANKS)
def test_accuracy_and_weights_are_those_of_the_runs(runs, rows, name):
    usual = {"system": "plain", "stages": "", "format": "float"}
    plain = [row for row in baselines(runs) if usual.items() <= row.items()]
    found = {row["data"]: row for row in plain if row["templates"] == BANKS[name]}
    top1 = [shown(found[data]["top1"]) for data in ("mnist", "cifar10")]
    assert rows[name] == [*top1, str(found["cifar10"]["first_layer_trainable"])]


def test_what_templates_cost(runs, page):
    below = accuracy_figure(runs, "cifar10")["difference"]["top1"]
    assert f"HLAC-25 costs {below:.1f} points" in page


def test_the_first_layer_is_the_papers(runs):
    table = parameter_table(runs)
    assert table["ours"] == table["paper"]
