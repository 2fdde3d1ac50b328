"""``python -m sw.reference``: the files it writes, and how it refuses bad input."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sw import reference, results
from sw.cli import InputError
from sw.configfile import CONFIG_FOLDER, load_config
from sw.reuse import Counters, predict

ROOT = Path(__file__).parents[2]


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "in.npy"
    np.save(path, np.arange(168, dtype=np.uint8).reshape(2, 2, 6, 7))
    return path


def command(tmp_path, images, *more):
    return reference.main(
        ["--config", "tiny", "--images", str(images), "--out", str(tmp_path / "out.npz"), *more]
    )


def test_it_writes_outputs_and_counters(tmp_path, images, capsys):
    assert command(tmp_path, images, "--json", str(tmp_path / "out.json")) == 0
    assert capsys.readouterr() == ("", "")
    config, given = load_config("tiny"), np.load(images)
    with np.load(tmp_path / "out.npz") as file:
        assert file.files == ["y"]
        assert file["y"].dtype == np.int64
        assert np.array_equal(file["y"], reference.run(given, config))
    counters = json.loads((tmp_path / "out.json").read_text())
    assert counters == predict(given, config).as_dict()
    assert counters["cycles"] is None
    assert list(counters) == list(Counters().as_dict())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.npy", "out.json", "out.npz"]


def test_the_same_input_gives_the_same_bytes(tmp_path, images):
    contents = []
    for _ in range(2):
        command(tmp_path, images, "--json", str(tmp_path / "out.json"))
        contents.append([(tmp_path / f"out.{kind}").read_bytes() for kind in ("npz", "json")])
    assert contents[0] == contents[1]


def test_settings_and_model_are_taken(tmp_path, images):
    arguments = ["--json", str(tmp_path / "out.json"), "--set", "table.entries=1"]
    assert command(tmp_path, images, *arguments, "--model", str(CONFIG_FOLDER / "tiny.npz")) == 0
    config = load_config("tiny", assignments=["table.entries=1"])
    counters = json.loads((tmp_path / "out.json").read_text())
    assert counters == predict(np.load(images), config).as_dict()
    assert counters["hits"] == 0


def test_folders_are_made(tmp_path, images):
    target = tmp_path / "a" / "b"
    assert command(target, images, "--json", str(tmp_path / "c" / "x.json")) == 0
    assert (target / "out.npz").is_file()
    assert (tmp_path / "c" / "x.json").is_file()


def test_samples_run_from_the_command_line(tmp_path):
    arguments = ["--config", "mnist-layer1", "--images", "samples:mnist:3"]
    done = subprocess.run(
        [sys.executable, "-m", "sw.reference", *arguments, "--out", str(tmp_path / "out.npz")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with np.load(tmp_path / "out.npz") as file:
        assert file["y"].shape == (3, 32, 26, 26)


def bad_inputs(tmp_path):
    float_images = tmp_path / "float.npy"
    np.save(float_images, np.zeros((1, 2, 6, 7)))
    missing = tmp_path / "none.npy"
    model = tmp_path / "model.npz"
    np.savez(model, weight=np.zeros((1, 2, 3), int), input_shape=[2, 6, 7])
    return {
        "unknown configuration 'x'; known: ": ["--config", "x"],
        "unknown key x; known: ": ["--set", "x=1"],
        "table.entries must be 1 to 1024, not 0": ["--set", "table.entries=0"],
        f"{float_images}: dtype: expected integers, got float64": ["--images", str(float_images)],
        f"{missing}: no such image file": ["--images", str(missing)],
        f"{model}: weight: expected shape (K, C, kh, kw), got (1, 2, 3)": ["--model", str(model)],
        f"{tmp_path / 'no.npz'}: no such layer file": ["--model", str(tmp_path / "no.npz")],
        f"{tmp_path}: is a folder; expected the name of a file": ["--out", str(tmp_path)],
        "cannot write there": ["--out", str(float_images / "x" / "out.npz")],
        "--out and --json name the same file": ["--json", str(tmp_path / "out.npz")],
    }


def test_bad_input_is_one_line_and_status_2_and_nothing_is_written(tmp_path, images, capsys):
    cases = bad_inputs(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for message, arguments in cases.items():
        assert command(tmp_path, images, *arguments) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("python -m sw.reference: error: ")
        assert message in captured.err
        assert captured.err.count("\n") == 1
        assert captured.out == ""
        assert sorted(tmp_path.rglob("*")) == before


def test_missing_options_are_status_2(capsys):
    with pytest.raises(SystemExit) as caught:
        reference.main(["--config", "tiny"])
    assert caught.value.code == 2
    assert "the following arguments are required: --images, --out" in capsys.readouterr().err


def test_the_help_tells_what_to_do(capsys):
    with pytest.raises(SystemExit) as caught:
        reference.main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for word in ("--config", "--model", "--set", "--images", "--out", "--json", "samples:cifar10"):
        assert word in text


def test_progress_is_shown_on_a_terminal_only(tmp_path, images, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # what rich takes for a terminal
    assert command(tmp_path, images) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err


def test_nothing_is_left_when_a_write_fails(tmp_path, monkeypatch):
    (tmp_path / "out.npz").write_text("old")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(InputError, match=r"out\.npz: cannot be written: No space left on device"):
        results.write_outputs(
            tmp_path / "out.npz", {"y": np.zeros(3)}, tmp_path / "out.json", Counters()
        )
    assert [path.name for path in tmp_path.iterdir()] == ["out.npz"]
    assert (tmp_path / "out.npz").read_text() == "old"


def test_nothing_is_left_after_ctrl_c(tmp_path, images, monkeypatch, capsys):
    def stopped(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", stopped)
    assert command(tmp_path, images, "--json", str(tmp_path / "out.json")) == 130
    assert capsys.readouterr().err.endswith("interrupted, nothing written\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]
