"""The page: what it says, and what it does in a browser."""

import json
import shutil
from contextlib import contextmanager

import pytest

from hw.explore import report as module
from hw.explore.evaluate import blank_row
from hw.explore.report import report, shown_rows
from tests.hw.explore.rows import point, row

pytest.importorskip("altair", reason="the extra `explore` is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ROWS = [
    row(point(strategy="value_cam", table__entries=n, fold__kernels=1), size=500 + n, rate=n / 64)
    for n in (4, 16, 64)
]
ROWS += [
    row(point(strategy="direct", fold__kernels=1), size=9000, rate=0.9, fmax_mhz=150.0),
    row(point(strategy="direct", fold__kernels=1, input_bits=4), size=90, rate=0.2),
    blank_row(point(strategy="</script><b>", fold__kernels=1))
    | {"state": "impossible", "reason": "no <such> strategy"},
]


def test_rows_are_flat_and_have_the_command_that_rebuilds_them():
    shown = shown_rows(ROWS, "tiny")
    assert [r["engine"] for r in shown][:2] == [
        "strategy=value_cam table.entries=4",
        "strategy=value_cam table.entries=16",
    ], "what all share tells none from another"
    assert [r["front"] for r in shown] == [True, True, True, False, True, False]
    assert shown[3]["frames_per_second"] == 3_000_000
    assert shown[0]["command"] == (
        "python -m hw.build --config tiny --target ecp5 --set fold.kernels=1 "
        "--set 'strategy=\"value_cam\"' --set table.entries=4"
    )


def test_the_page_needs_no_network_and_nothing_in_it_ends_a_script():
    page = report(ROWS, {"config": "tiny"})
    assert page.count("</script>") == 3
    assert "6 points: 1 impossible, 5 measured; 320 outputs" in page
    assert "All with fold.kernels=1." in page
    for word in ("src=", "href=", "@import", "url("):
        assert word not in page[: page.index('id="rows"')]
    start = page.index(">", page.index('id="rows"')) + 1
    assert json.loads(page[start : page.index("</script>", start)]) == shown_rows(ROWS, "tiny")


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield made
        made.close()


@contextmanager
def opened(browser, folder, rows):
    file = folder / "report.html"
    file.write_text(report(rows, {"config": "tiny"}), encoding="utf-8")
    found = browser.new_page(viewport={"width": 1280, "height": 900})
    problems, asked = [], []
    found.on("console", lambda message: problems.append(message.text))
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.on("request", lambda request: asked.append(request.url))
    found.goto(file.as_uri())
    found.wait_for_selector("body[data-ready=yes]", timeout=60_000)
    yield found
    assert problems == []
    assert {url.partition(":")[0] for url in asked} <= {"file", "data", "blob"}
    found.close()


@pytest.fixture
def page(browser, tmp_path):
    with opened(browser, tmp_path, ROWS) as found:
        yield found


def column(page, number):
    return page.locator(f"#body tr td:nth-child({number})").all_inner_texts()


def dots(page, name):
    return page.locator(f"#{name} .mark-symbol.role-mark.layer_1_marks path").count()


def test_the_table_sorts(page):
    assert column(page, 3) == ["90", "504", "516", "564", "9,000", ""]
    page.get_by_role("button", name="pixels a cycle").click()
    assert column(page, 8) == ["0.063", "0.2", "0.25", "0.9", "1", ""]
    page.get_by_role("button", name="pixels a cycle").click()
    assert column(page, 8) == ["1", "0.9", "0.25", "0.2", "0.063", ""], "unknown ones stay last"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("pixels a cycle")


def test_a_filter_is_for_the_table_and_the_pictures(page):
    assert dots(page, "front") == 5
    page.locator("#text").fill("VALUE_CAM entries=")
    assert page.locator("#shown").inner_text() == "3 of 6 shown"
    page.wait_for_function("document.querySelectorAll('#front .layer_1_marks path').length === 3")
    page.locator("#text").fill("")
    page.locator("#strategy").select_option("direct")
    page.locator("#front-only").check()
    assert column(page, 3) == ["90"]
    page.wait_for_function("document.querySelectorAll('#front .layer_1_marks path').length === 1")


def test_areas_of_unlike_units_are_not_shown_together(browser, tmp_path):
    cells = row(point(strategy="direct", target="asic"), area=ROWS[-1]["area"] | {"um2": 9e5})
    with opened(browser, tmp_path, [*ROWS, cells]) as page:
        assert page.locator("#shown").inner_text() == "6 of 7 shown"
        page.locator("#target").select_option("asic")
        assert column(page, 3) == ["900,000"]
        page.locator("#target").select_option("")
        assert page.locator("#shown").inner_text() == "7 of 7 shown"


def test_a_point_says_what_it_is(page):
    page.locator("#front .layer_1_marks path").first.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    said = page.locator("#vg-tooltip-element").inner_text()
    assert "strategy=value_cam table.entries=4" in said
    assert "504" in said


def test_a_phone_is_wide_enough(page):
    page.set_viewport_size({"width": 390, "height": 844})
    # Vega draws each picture anew when its box has its new width: one by one.
    page.wait_for_function(
        "[...document.querySelectorAll('.picture svg')].every(e => e.clientWidth < 390)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator(".table").evaluate("e => e.scrollWidth > e.clientWidth")


def test_what_a_row_says_is_text(page):
    assert page.locator("#body b").count() == 0
    assert "</script><b>" in page.locator("#body").inner_text()


def test_pictures_are_of_known_columns():
    shown = shown_rows(ROWS, "tiny")[0]
    for chart in module._CHARTS.values():
        for layer in chart()["layer"]:
            for name, channel in layer["encoding"].items():
                channels = channel if isinstance(channel, list) else [channel]
                assert all(one["field"] in shown for one in channels if "field" in one), name
