"""``python -m hw.network.areas``: the planner's areas beside Yosys's, which is stood in for."""

from types import SimpleNamespace

import pytest

from hw.network import areas
from sw.network.chips import Cost
from sw.network.configfile import load_network
from sw.network.planner import plan


@pytest.fixture
def synthesised(monkeypatch):
    """The sources that were handed to Yosys."""
    seen = []

    def synthesise(sources, *, top, family):
        seen.append((sources[f"{top}.il"], family.name))
        return SimpleNamespace(area={"lut4_eq": 1000, "dsp": 2, "bram": None})

    monkeypatch.setattr(areas, "synthesise", synthesise)
    return seen


def test_each_layer_by_itself(synthesised, capsys):
    options = ["--config", "mnist-net", "--board", "icebreaker", "--rate", "100"]
    assert areas.main(options) == 0
    assert [family for _, family in synthesised] == ["ice40"] * 5
    assert all(text.count("attribute \\top 1") == 1 for text, _ in synthesised)
    planned = plan(load_network("mnist-net", assignments=["board=icebreaker", "rate=100"]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mnist-net on icebreaker: planned, synthesised"
    assert [line.split()[0] for line in lines[2:]] == [*planned.costs, "all"]
    first = planned.costs["conv1"]
    error = 100 * (first.lut / 1000 - 1)
    assert lines[2].split() == [
        "conv1", f"{first.lut:.0f}", "1,000", f"{error:+.1f}", "%", "1", "2", str(first.bram), "0",
    ]  # fmt: skip


def test_a_layer_is_no_network(capsys):
    assert areas.main(["--config", "tiny"]) == 2
    assert "that is a layer, not a network" in capsys.readouterr().err


def test_an_error_is_positive_where_too_much_is_planned():
    area = areas.LayerArea(layer="x", planned=Cost(lut=110), built=Cost(lut=100))
    assert area.error == pytest.approx(10)
