"""The report, its page, and that what is committed agrees."""

import dataclasses

import pytest

from bench.documents import REPORT, documents, load_report
from bench.fit import fit_law
from bench.growth import POINTS, Size, growth_config, template_masks
from bench.measure import blank_result, rates
from bench.plots import growth_figure
from bench.report import assemble, check_report, page, summary
from bench.rows import ROWS, rows_named

AREA = {"lut4_eq": 1000, "lut": 600, "carry": 200, "ff": 50, "dsp": 2, "bram": 0}
VERIFIED = {"compared": 100, "different": 0, "cycles_per_image": 1024, "latency": 7}


def result(**fields):
    whole = blank_result(ROWS[0]) | {
        "verified": VERIFIED,
        "area": AREA,
        "fmax_mhz": {"seeds": [200.0, 210.0, 190.0], "median": 200.0, "estimated": 180.0},
        "cycles_per_image": 1000,
        "measured": "2026-01-02",
    }
    return whole | fields


def report(*rows):
    return assemble(rows, {}, tools={"yosys": "0.70"}, seeds=3)


def sweep():
    points = [{"n": n, "lut4_eq": 10 * n + 5, "ff": n, "bram": 0, "errors": []} for n in (8, 64)]
    points.append({"n": 256, "lut4_eq": None, "ff": None, "bram": None, "errors": ["late"]})
    law = fit_law([(p["n"], p["lut4_eq"]) for p in points if p["lut4_eq"]]).stored()
    series = [{"title": "template bank", "points": points, "law": law}]
    return {"dimension": "kernels", "series": series}


def test_rates():
    found = rates(result())
    assert found == {"images_per_second": 200_000.0, "images_per_second_per_lut4_eq": 200.0}
    assert rates(result(cycles_per_image=None)) == {}
    assert rates(blank_result(ROWS[0])) == {}


def test_keys_are_unique():
    assert len({row.key for row in ROWS}) == len(ROWS)


def test_rows_are_chosen_by_key():
    assert [row.key for row in rows_named(["nngen", "bank"])] == ["bank", "nngen"]
    assert rows_named(None) == ROWS
    with pytest.raises(ValueError, match=r"--rows: no row nothing; there are bank, "):
        rows_named(["nothing"])


def test_a_row_says_what_is_not_like_for_like():
    text = page(report(result(ours=False, title="peer", back_pressure=False, loads="constant")))
    (line,) = [line for line in text.splitlines() if line.startswith("| peer ")]
    assert "| 1,000 | 50 | 2 | 0 | 200.0 | 1,000 |" in line
    assert "constant weights; nothing can hold its stream; magnitude " in line
    assert "2 multiplier blocks beside its LUTs" in line
    assert "| 100 of 100 |" in line


def test_a_row_that_was_measured_before_says_so():
    old = result(measured="2026-01-01", title="an old one")
    lines = page(report(old, result())).splitlines()
    assert [("measured on 2026-01-01" in line) for line in lines if line.startswith("| **")] == [
        True,
        False,
    ]
    assert "measured on 2026-01-02,\nbut for rows" in "\n".join(lines)


def test_an_error_is_in_the_row():
    late = {"seeds": [None] * 3, "median": None, "estimated": 77.7}
    text = page(report(result(fmax_mhz=late, errors=["not routed in 9 s: seed 1, 2, 3"])))
    assert "| not routed (placed: 78) |" in text
    assert "**not routed in 9 s: seed 1, 2, 3**" in text


def test_seeds_that_are_not_known_are_said():
    one = {"seeds": [200.0, None, None], "median": 200.0, "estimated": 180.0}
    assert "| 200.0 (1 seed) |" in page(report(result(fmax_mhz=one)))


def test_a_line_for_people():
    assert summary(result()) == f"{ROWS[0].key}: 1,000 LUT4-eq, 50 FF, 200.0 MHz in 1,000 cycles"
    failed = blank_result(ROWS[0]) | {"errors": ["no tool"]}
    assert summary(failed) == f"{ROWS[0].key}: - MHz [no tool]"


def test_the_date_is_the_newest():
    rows = [result(), result(measured="2026-03-01"), blank_result(ROWS[1])]
    assert report(*rows)["measured"] == "2026-03-01"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verified": None}, "neither outputs nor an error"),
        ({"verified": VERIFIED | {"different": 1}}, "hides outputs that differ"),
    ],
)
def test_a_report_that_misleads_is_refused(change, message):
    check_report(report(result()))
    with pytest.raises(ValueError, match=message):
        check_report(report(result(**change)))


def test_another_schema_is_refused():
    with pytest.raises(ValueError, match="schema is 0, expected 1"):
        check_report(report(result()) | {"schema": 0})


def test_masks_are_distinct_and_not_opposite():
    masks = template_masks(256).reshape(256, 9)
    seen = {tuple(m) for m in masks.tolist()} | {tuple(m) for m in (-masks).tolist()}
    assert len(seen) == 512


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("design", ["bank", "templates", "learned"])
def test_a_point_varies_one_dimension(name, design):
    n = POINTS[name][design][-1]
    size = dataclasses.replace(Size(), **{name: n})
    config = growth_config(design, size)
    layer = config.layer
    assert (layer.kernels, layer.channels) == (size.kernels, size.channels)
    assert (layer.input_shape[2], layer.input_format.bits) == (size.width, size.bits)
    assert len(config.learned) == (max(1, size.kernels * 7 // 32) if design == "learned" else 0)


def test_the_page_has_each_sweep():
    one = sweep()
    none = one | {"series": [one["series"][0] | {"law": None}]}
    sweeps = {"kernels": one, "channels": none, "width": none, "bits": none}
    text = page(report(result()) | {"growth": {"text": "Of it.", "sweeps": sweeps}})
    assert "| template bank | kernels | 10.0 n + 5.00 | 0 % | 8: 85, 64: 645, 256: - |" in text
    assert "| template bank | frame width | - | - |" in text
    assert "(../figures/growth-bits.svg)" in text


def test_a_picture_is_the_same_each_time():
    text = growth_figure(sweep())
    assert text == growth_figure(sweep())
    assert text.rstrip().endswith("</svg>")


@pytest.mark.skipif(not REPORT.is_file(), reason="no report is committed")
def test_committed_documents_are_of_the_committed_report():
    committed = load_report()
    check_report(committed)
    assert [row["key"] for row in committed["rows"]] == [row.key for row in ROWS]
    for path, text in documents(committed).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make bench`"
