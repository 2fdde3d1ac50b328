"""The page of a network's build: what it says, that it stands alone, and how a browser shows it."""

import html
import json
import re
import shutil
import subprocess
import zlib
from base64 import b64decode

import numpy as np
import pytest

from hw.network.report import network_report
from hw.targets import Product
from sw.datasets.samples import load_samples
from sw.network.configfile import load_network
from sw.network.page import Sample, network_page
from sw.network.page_parts import counted, element, number, picture
from sw.network.planner import plan

PRODUCT = Product(
    files={},
    tools={"yosys": "0.60 <x>"},
    area={"lut": 12_345, "ff": 9_000, "dsp": 40, "bram": 50, "lut4_eq": 13_000},
    fmax_mhz={"seeds": [61.0], "median": 61.0},
    critical_path=[{"signal": "a<b", "block": "conv1", "logic_ns": 1.5, "routing_ns": 2.25}],
    notes=["a note & more"],
)


@pytest.fixture(scope="module")
def report():
    planned = plan(load_network("mnist-net"))
    return json.loads(json.dumps(network_report(planned, PRODUCT, target="ecp5")))


@pytest.fixture(scope="module")
def samples():
    found = load_samples("mnist")
    labels = [int(label) for label in found.labels[:20]]
    images = found.images[:20]
    said = [9 if n == 3 else label for n, label in enumerate(labels)]
    return [
        Sample(image=image, label=label, truth=truth)
        for image, label, truth in zip(images, said, labels, strict=True)
    ]


@pytest.fixture(scope="module")
def page(report, samples):
    return network_page(report, samples)


def test_it_stands_alone(page):
    assert "http" not in page
    assert "<script" not in page
    assert "url(" not in page
    sources = re.findall(r'src="([^"]*)"', page)
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_it_says_what_the_report_says(page, report):
    text = html.unescape(re.sub(r"<[^>]*>", " ", page))
    for row in report["layers"]:
        assert row["name"] in text
        assert " \N{MULTIPLICATION SIGN} ".join(map(str, row["output_shape"])) in text
        assert f"{row['cycles']:,} cycles" in text
    for words in (
        f"{report['cycles_per_frame']:,}", "16 template kernels: parallel bank", "ulx3s-85f",
        "measured 12,345, 15%", "19 of these 20 are right", "9  is 0", "a note & more", "a<b",
    ):  # fmt: skip
        assert words in text, words


def test_nothing_of_a_report_is_markup(page):
    assert "0.60 &lt;x&gt;" in page
    assert "a&lt;b" in page


def test_without_samples_and_figures(report):
    bare = report | {"area": dict.fromkeys(report["area"]), "critical_path": [], "notes": []}
    bare |= {"fmax_mhz": {"seeds": None, "median": None}, "frames_per_second": None}
    page = network_page(bare)
    assert "What it sees" not in page
    assert "measured" not in page
    assert "Fmax" not in page


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_pngs_of_the_pixels(channels):
    image = np.random.default_rng(1).integers(0, 256, (channels, 5, 4))
    data = b64decode(picture(image).removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    length = int.from_bytes(data[33:37], "big")
    lines = np.frombuffer(zlib.decompress(data[41 : 41 + length]), np.uint8).reshape(5, -1)
    assert not lines[:, 0].any()
    assert np.array_equal(lines[:, 1:].reshape(5, 4, channels).transpose(2, 0, 1), image)


def test_figures_for_people():
    shown = [number(v) for v in (None, 3, 0.1234, 99.96, 12345.6)]
    assert shown == ["\N{EN DASH}", "3", "0.123", "100", "12,346"]
    assert (counted(1, "row"), counted(2, "row")) == ("1 row", "2 rows")
    assert element("p", "x", class_="a<b") == '<p class="a&lt;b">x</p>'


PROBE = """<script>addEventListener("load", () => {
  const count = (what, good) => [...document.querySelectorAll(what)].filter(good).length;
  const size = part => part.getBoundingClientRect();
  document.title = JSON.stringify({
    wider: document.documentElement.scrollWidth > innerWidth,
    images: count("img", image => image.complete && image.naturalWidth > 0),
    bars: count(".bar i", part => size(part).width > 1),
    layers: count(".layer", part => size(part).height > 20),
    hidden: count(".layer p", part => part.scrollWidth > part.clientWidth + 1),
    font: getComputedStyle(document.querySelector("h1")).fontSize });
});</script>"""


@pytest.mark.parametrize("width", [420, 1200])
def test_a_browser_shows_it(page, report, samples, tmp_path, width):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    (tmp_path / "report.html").write_text(page.replace("</body>", f"{PROBE}</body>"))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000"]
    found = subprocess.run(
        [*command, "--dump-dom", (tmp_path / "report.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", found.stdout)
    assert title, found.stderr
    seen = json.loads(html.unescape(title[1]))
    assert seen["images"] == len(samples)
    assert seen["layers"] == len(report["layers"]) + 1
    assert seen["bars"] >= 2 * len(report["layers"])
    assert seen["hidden"] == 0
    assert seen["font"] == "28px"
    assert not seen["wider"]
