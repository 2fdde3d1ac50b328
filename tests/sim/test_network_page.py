"""``sim.run --report``: whose page gets the labels, and what is refused before the simulation."""

import json

import numpy as np
import pytest

from sim.network_page import read_report, write_page
from sim.run import main
from sw.cli import InputError
from sw.datasets.samples import load_samples
from sw.network.configfile import load_network
from tests.sw.network.test_page import report

assert report  # the fixture


@pytest.fixture
def config():
    return load_network("mnist-net")


def test_the_labels_are_on_the_page(tmp_path, config, report):
    (tmp_path / "report.json").write_text(json.dumps(report))
    images = load_samples("mnist").images[:60]
    labels = np.full(60, 7)
    write_page(tmp_path, read_report(tmp_path, config), images, labels, "samples:mnist:60")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") == 48
    right = int((load_samples("mnist").labels[:48] == 7).sum())
    assert f"{right} of these 48 are right" in page
    write_page(tmp_path, report, images, labels, "in.npy")
    assert "are right" not in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such report (python -m hw.build writes it)"),
        ("{", "not the report of a network"),
        ('{"config": {}}', "not the report of a network"),
        ('{"network": {"sha256": "0"}}', "is of another network than mnist-net (build it anew)"),
    ],
)
def test_reports_that_do_not_fit(tmp_path, config, content, message):
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError) as refusal:
        read_report(tmp_path, config)
    assert message in str(refusal.value)


def test_a_layer_has_no_labels(tmp_path, capsys):
    options = ["--config=tiny", f"--images={tmp_path / 'x.npy'}", f"--out={tmp_path / 'y.npz'}"]
    assert main([*options, f"--report={tmp_path}"]) == 2
    assert "--report: a layer has no labels to show" in capsys.readouterr().err
