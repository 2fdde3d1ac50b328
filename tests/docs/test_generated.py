"""Generated documents agree with what makes them, and measured numbers with the golden model."""

import numpy as np
import pytest

from bench.documents import documents as bench_documents
from bench.documents import load_report
from bench.reuse.documents import documents as reuse_documents
from bench.reuse.documents import load_report as load_reuse
from docs.generate import __main__ as command
from docs.generate.configurations import configurations_table
from docs.generate.documents import GENERATED, ROOT, between_markers
from docs.generate.measure import frames_of, load_measured
from docs.generate.reuse_plot import misses_by_frame
from sw.configfile import config_names, load_config
from sw.reuse import predict
from sw.strategies import fill_cycles


@pytest.mark.parametrize("path", GENERATED)
def test_document_agrees_with_its_generator(path):
    assert GENERATED[path]() == (ROOT / path).read_text(encoding="utf-8"), (
        f"{path} is stale: run python -m docs.generate"
    )


def expected_counters(config, count):
    counters = predict(frames_of(config)[1][:count], config).as_dict()
    del counters["cycles"]  # time is the RTL's alone
    return counters


@pytest.mark.parametrize("name", config_names())
def test_measured_counters_are_what_the_model_predicts(name):
    measured = load_measured()["configurations"].get(name)
    assert measured, f"{name} is not measured: run python -m docs.generate --measure"
    config = load_config(name)
    count = measured["counters"]["frames"]
    assert measured["counters"].items() >= expected_counters(config, count).items(), (
        "run python -m docs.generate --measure"
    )
    rows, columns = config.layer.padded_shape
    assert measured["warm_frame_cycles"] >= rows * columns
    outputs = count
    for size in config.layer.output_shape:
        outputs *= size
    assert measured["outputs_compared"] == outputs


def test_measured_points_of_the_plot_are_what_the_model_predicts():
    for entries, points in load_measured()["reuse"].items():
        config = load_config("cifar10-layer1", assignments=[f"table.entries={entries}"])
        assert points
        for count, counters in points:
            assert counters.items() >= expected_counters(config, count).items()


def test_what_readme_says_of_reuse():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    last = int(np.flatnonzero(misses_by_frame(256))[-1]) + 1
    assert f"after the {last}th of these frames nothing is multiplied" in text
    config = load_config("cifar10-layer1", assignments=["table.entries=64"])
    assert f"with 8 multipliers and 7 kernels for {fill_cycles(config)} cycles" in text
    beats = config.layer.padded_shape[0] * config.layer.padded_shape[1]
    times = [
        1 + misses_by_frame(entries).mean() * fill_cycles(config) / beats for entries in (64, 256)
    ]
    assert f"some {times[0] / times[1]:.0f} times as long as with 256" in text
    executed = load_measured()["configurations"]["cifar10-layer1"]["counters"]
    share = executed["multiplications_executed"] / executed["multiplications_needed"]
    assert f"falling to {100 * share:.2g} % after 1,000 frames" in text


def test_every_figure_is_generated():
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "docs/figures").iterdir()}
    others = {**bench_documents(load_report()), **reuse_documents(load_reuse())}
    measured = {str(path.relative_to(ROOT)) for path in others}
    generated = {*GENERATED, *measured}
    assert found == {path for path in generated if path.startswith("docs/figures/")}


def test_markers_that_are_missing_are_named():
    with pytest.raises(ValueError, match="no markers for table"):
        between_markers("text", "table", "content")
    text = "a\n<!-- generated: table -->\nold\n<!-- end -->\nb\n"
    assert between_markers(text, "table", "new\n") == text.replace("old", "new")


def test_the_check_names_what_differs(capsys, monkeypatch, tmp_path):
    stale = tmp_path / "stale.md"
    stale.write_text("old")
    monkeypatch.setattr(command, "documents", lambda: {stale: "new"})
    monkeypatch.setattr(command, "_short", lambda path: path.name)
    assert command.main(["--check"]) == 1
    assert capsys.readouterr().out == "stale.md: does not agree\n"
    assert stale.read_text() == "old"
    assert command.main([]) == 0
    assert stale.read_text() == "new"
    assert command.main(["--check"]) == 0


def test_a_configuration_that_was_not_measured_is_named():
    measured = dict.fromkeys(set(config_names()) - {"tiny"})
    with pytest.raises(ValueError, match=r"has no tiny: run python -m docs\.generate --measure$"):
        configurations_table(measured)


def test_a_check_measures_nothing(capsys):
    assert command.main(["--check", "--measure"]) == 2
    assert "a check measures nothing" in capsys.readouterr().err
