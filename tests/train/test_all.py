"""The queue of runs: what is in it, what is stored, and that its commands make the same runs."""

import json

import pytest

from sw.train import __main__ as command
from sw.train import all as everything
from sw.train.all import MODELS, REPORTS, is_stored, queue
from sw.train.options import Options
from sw.train.record import KERNELS, METRICS, RUN
from sw.train.store import MODEL

NAMES = [options.name for options in queue()]


def test_three_seeds_of_the_papers_four_and_one_of_each_baseline():
    for data in ("mnist", "cifar10"):
        for seed in range(3):
            for bank in ("none", "hlac25"):
                assert f"{data}-plain-{bank}-s{seed}" in NAMES
        for system in ("lbcnn", "binary", "pow2", "clustered"):
            assert f"{data}-{system}-none-s0" in NAMES
    assert len(NAMES) == len(set(NAMES))


def test_a_base_is_trained_before_what_needs_it():
    for index, options in enumerate(queue()):
        if options.base:
            base = options.base.removeprefix(f"{MODELS}/").removesuffix(".npz")
            assert base in NAMES[:index]


@pytest.mark.parametrize("options", queue(), ids=lambda options: options.name)
def test_its_command_line_makes_the_same_run(options):
    words = everything._arguments(options)
    parsed = command._parser().parse_args([*words, "--device", "cpu"])
    assert command._options(parsed) == options


def test_what_is_small_of_a_run_is_kept(tmp_path):
    options = Options.of("mnist")
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (METRICS, KERNELS, MODEL):
        (folder / name).write_text(name)
    (folder / RUN).write_text(json.dumps({"options": options.as_dict()}))
    reports, models = tmp_path / "reports", tmp_path / "models"
    assert not is_stored(options, reports)
    everything.publish(folder, options, reports=reports, models=models)
    assert is_stored(options, reports)
    assert not is_stored(Options.of("mnist", epochs=99), reports)
    kept = sorted(path.name for path in (reports / options.name).iterdir())
    assert kept == sorted([METRICS, KERNELS, RUN])
    assert [path.name for path in models.iterdir()] == [f"{options.name}.npz"]


def test_a_pattern_of_no_run(capsys):
    assert everything.main(["--only", "imagenet*"]) == 2
    assert "no run is called 'imagenet*'" in capsys.readouterr().err


def test_the_list(capsys):
    assert everything.main(["--list", "--only", "mnist-*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[6:] for line in lines] == [name for name in NAMES if name.startswith("mnist-")]


def test_stored_models_are_small():
    for path in MODELS.glob("*"):
        assert path.stat().st_size < 1 << 20
    for folder in REPORTS.glob("*-*"):
        assert json.loads((folder / RUN).read_text())["name"] == folder.name
