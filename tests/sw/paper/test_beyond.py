"""Formats, banks and the witness, from stored runs and reports."""

import json

import pytest

from sw.cli import InputError
from sw.data import load_samples
from sw.pairs import pair_statistics
from sw.paper.accuracy import baselines
from sw.paper.beyond import Reports, bank_rows, format_rows, load_reports, witness_rows
from sw.paper.beyond_document import beyond_sections
from sw.paper.pair_tables import quantised
from sw.paper.plots import bank_plot
from sw.paper.runs import load_runs, plain_runs

from .stored import store, store_all

NONE = Reports(banks=None, witness=None, saving=None)
ADDERS = {"adders": {"cifar10": {"hlac25": {"16": 22, "25": 32}}}}
SAVING = {
    name: {
        "cpu_ratio": {"mean": 0.9, "ci95": 0.01, "n": 9},
        "trainable": 10,
        "gradient_bytes": 4000,
        "optimiser_bytes": 40,
    }
    for name in ("none", "25 of 32")
}


def counters(needed, executed):
    return {"multiplications_needed": needed, "multiplications_executed": executed}


WITNESS = {
    "images": 5,
    "layers": {
        "hlac25": {
            "config": "cifar10-layer1",
            "first": counters(777_600, 900),
            "all": counters(5 * 777_600, 1500),
        }
    },
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    store_all(folder)
    store(folder, "cifar10", "hlac25", top1=78.75, format_name="fixed8")
    store(folder, "mnist", "none", top1=80.5, format_name="int8")
    store(folder, "mnist", "lbp", seed=7, top1=80.5, format_name="int8")  # of no float run
    return load_runs(folder)


def test_a_quantised_run_stands_beside_the_one_it_began_with(runs):
    rows = format_rows(runs)
    assert rows == [
        {
            "name": "cifar10-plain-hlac25-s0",
            "format": "fixed8",
            "float": 79,
            "top1": 78.75,
            "below": 0.25,
        },
        {"name": "mnist-plain-none-s0", "format": "int8", "float": 80, "top1": 80.5, "below": -0.5},
    ]


def test_quantised_runs_are_kinds_of_their_own(runs):
    assert [run.record["name"] for run in plain_runs(runs, "cifar10", "hlac25")] == [
        "cifar10-plain-hlac25-s0",
        "cifar10-plain-hlac25-s1",
    ]
    formats = {(r["data"], r["templates"], r["format"]): r["top1"]["n"] for r in baselines(runs)}
    assert formats["cifar10", "hlac25", "float"] == 2
    assert formats["cifar10", "hlac25", "fixed8"] == 1


def test_banks_have_what_they_save_and_what_they_cost(runs):
    rows = {
        (r["data"], r["bank"]): r
        for r in bank_rows(runs, Reports(**{**vars(NONE), "banks": ADDERS}))
    }
    found = rows["cifar10", "hlac25"]
    assert (found["fixed"], found["trainable"], found["adders"]) == (25, 189, 32)
    assert (found["top1"]["mean"], found["top1"]["n"]) == (79.5, 2)
    plain = rows["cifar10", "none"]
    assert (plain["fixed"], plain["trainable"], plain["adders"]) == (0, 864, 0)
    assert rows["mnist", "hlac25"]["adders"] is None


def test_the_estimate_is_of_the_same_weights_and_images(runs):
    images = load_samples("cifar10").images
    (row,) = witness_rows(runs, images, Reports(banks=None, witness=WITNESS, saving=None))
    weight = quantised(plain_runs(runs, "cifar10", "hlac25")[0].kernels("trained"), "fixed8")
    assert row["estimate"] == pair_statistics(images[:5], weight).distinct.mean()
    assert (row["needed"], row["first"], row["executed"]) == (777_600, 900, 300)
    assert witness_rows(runs, images, NONE) == []


def test_the_page_has_what_is_on_record(runs):
    images = load_samples("cifar10").images
    reports = Reports(
        banks=ADDERS,
        witness=WITNESS,
        saving={"command": "a command", "mnist": SAVING, "cifar10": SAVING},
    )
    paper = {
        "formats": format_rows(runs),
        "banks": bank_rows(runs, reports),
        "saving": reports.saving,
        "witness": witness_rows(runs, images, reports),
    }
    page = "\n".join(beyond_sections(paper))
    assert "| cifar10-plain-hlac25-s0 | fixed8 | 79.00 % | 78.75 % | +0.25 |" in page
    assert "| CIFAR-10, hlac25 | 25 | 79.50 ± 6.35 % (2) | 189 | 32 | " in page
    assert "| MNIST, 25 of 32 | 0.900 ± 0.010 | 10 | 4,040 |" in page
    assert "| 900 | 300.0 | 0.0386 % |" in page
    nothing = {"formats": [], "banks": bank_rows(runs, NONE), "saving": None, "witness": []}
    assert [part for part in beyond_sections(nothing) if part[:2] == "##"] == ["## Banks"]


def test_the_same_rows_give_the_same_picture(runs):
    rows = bank_rows(runs, NONE)
    pictures = bank_plot(rows)
    assert pictures == bank_plot(rows)
    assert pictures["png"][:4] == b"\x89PNG"


def test_reports_are_read_as_far_as_they_are_there(tmp_path):
    assert load_reports(tmp_path) == NONE
    (tmp_path / "banks.json").write_text(json.dumps(ADDERS))
    assert load_reports(tmp_path).banks == ADDERS
    (tmp_path / "witness.json").write_text("{")
    with pytest.raises(InputError, match=r"witness.json: not readable JSON: .*; make it anew"):
        load_reports(tmp_path)
