"""docs/user/explore.md: what it says of the paper's layer is what its page's rows hold."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rows():
    page = (ROOT / "docs/explore/cifar10-layer1.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'id="rows">(.*?)</script>', page, re.DOTALL)[1])


@pytest.fixture(scope="module")
def words():
    return " ".join((ROOT / "docs/user/explore.md").read_text(encoding="utf-8").split())


def smallest(rows, bits, strategy, rate):
    """Of the engines of ECP5 that make so many pixels a cycle."""
    fits = [
        row
        for row in rows
        if (row["target"], row["input_bits"], row["strategy"]) == ("ecp5", bits, strategy)
        and row["state"] == "measured"
        and row["pixels_per_cycle"] >= rate
    ]
    return min(fits, key=lambda row: row["size"], default=None)


def test_how_much_was_measured(rows, words):
    measured = [row for row in rows if row["state"] == "measured"]
    assert f"{len(rows)} points, {len(measured)} measured" in words
    routed = sum(row["fmax_mhz"] is not None for row in rows if row["front"])
    chips = sum(row["front"] and row["target"] in ("ecp5", "ice40") for row in rows)
    assert f"{routed} of the {chips} engines on fronts" in words


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_the_table_of_one_pixel_a_clock(rows, words, bits):
    cells = re.search(rf"\| {bits} \| `split_table`, digits of 3 bits \|{4 * '([^|]*)[|]'}", words)
    area, table, direct, cam = (cell.strip() for cell in cells.groups())
    best = smallest(rows, bits, "split_table", 0.99)["size"]
    assert area == f"{best:,}"
    for cell, strategy in ((table, "value_table"), (direct, "direct")):
        found = smallest(rows, bits, strategy, 0.99)
        said = re.match(r"[\d.]+", cell)
        assert (said[0] if said else None) == (f"{found['size'] / best:.2f}" if found else None)
    found = smallest(rows, bits, "value_cam", 0.7)
    if found is None:
        assert cam == "none is so fast"
    else:
        ratio, entries, rate = found["size"] / best, found["entries"], found["pixels_per_cycle"]
        assert cam == f"{ratio:.2f}, {entries} entries, {rate:.2f} pixels a cycle"


def test_weights_that_never_change(rows, words):
    sizes = [smallest(rows, bits, "constant", 0.99)["size"] for bits in (4, 8, 12)]
    assert "{:,}, {:,} and {:,} with 4, 8 and 12 bits".format(*sizes) in words
    ratios = [
        smallest(rows, bits, "split_table", 0.99)["size"] / size
        for bits, size in zip((4, 8, 12), sizes, strict=True)
    ]
    assert f"{min(ratios):.1f} to {max(ratios):.1f} times less" in words


def test_a_slow_table_is_larger_than_a_multiplier(rows, words):
    ratios = []
    for bits in (4, 8, 12):
        best = smallest(rows, bits, "direct", 0.15)["size"]
        tables = [smallest(rows, bits, name, 0.15) for name in ("split_table", "value_table")]
        ratios.append(min(row["size"] for row in tables if row) / best)
    said = "the best table {:.1f} times as large with 4 bits, {:.1f} with 8, {:.1f} with 12"
    assert said.format(*ratios) in words


def test_a_cam_hits_and_costs(rows, words):
    cams = [
        row
        for row in rows
        if (row["strategy"], row["entries"], row["input_bits"]) == ("value_cam", 256, 8)
        and row["state"] == "measured"
    ]
    energies = [row["energy_nj"] for row in cams]
    assert f"{min(energies):,.0f} to {max(energies):,.0f} nJ a frame" in words
    hits, executed = (100 * cams[0][name] for name in ("hit_rate", "executed"))
    assert f"{hits:.1f} % of the lookups hit and {executed:.1f} %" in words


def test_the_clocks_of_the_fronts(rows, words):
    routed = [row for row in rows if row["front"] and row["target"] == "ecp5" and row["fmax_mhz"]]
    constant = [row["fmax_mhz"] for row in routed if row["strategy"] == "constant"]
    slow = [
        row["fmax_mhz"]
        for row in routed
        if row["strategy"] != "constant" and row["pixels_per_cycle"] < 1 / 3 - 0.01
    ]
    assert f"close at {min(slow):.0f} to {max(slow):.0f} MHz below a third" in words
    assert f"never change at {min(constant):.0f} to {max(constant):.0f}" in words
