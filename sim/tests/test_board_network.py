"""A digit's pixels in over the serial line, the right label out: mnist-net at its pins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sim.board import Noise, virtual_board
from sw import host
from sw.datasets.samples import load_samples
from sw.network.config import NetworkConfig
from sw.network.configfile import load_network
from sw.network.planner import plan
from sw.network.reference import run

BOARD = ["board='icebreaker'", "rate=100", "layers.conv2.build='macs'"]
ARGUMENTS = ["--config", "mnist-net", *(word for a in BOARD for word in ("--set", a))]


@pytest.fixture(scope="module")
def config() -> NetworkConfig:
    return plan(load_network("mnist-net", assignments=BOARD)).config


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "digit.png"
    Image.fromarray(load_samples("mnist").images[0, 0]).save(path)
    return path


def test_a_picture_is_classified(
    config: NetworkConfig, picture: Path, build_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with virtual_board(config, build_dir=build_dir) as running:
        words = ["--port", running.port, *ARGUMENTS, "--classify", str(picture)]
        assert host.main(words) == 0
    label, logits = capsys.readouterr().out.splitlines()
    sample = load_samples("mnist")
    assert label == f"label {sample.labels[0]}"
    expected = run(sample.images[:1], config.network).frames.ravel()
    assert logits == f"logits {' '.join(map(str, expected))}"


def test_images_over_a_noisy_line(
    config: NetworkConfig, tmp_path: Path, build_dir: Path, seed: int
) -> None:
    images = load_samples("mnist").images[:3]
    np.save(tmp_path / "in.npy", images)
    files = ["--images", str(tmp_path / "in.npy"), "--out", str(tmp_path / "out.npz")]
    noise = Noise(flip=100, lose=100, garbage=100, seed=seed % 2**30)
    with virtual_board(config, noise=noise, build_dir=build_dir) as running:
        words = ["--port", running.port, *ARGUMENTS, *files, "--timeout", "0.05"]
        assert host.main(words) == 0
    assert sum(running.injected.values()) > 0, "the line had no noise"
    expected = run(images, config.network).arrays
    with np.load(tmp_path / "out.npz") as found:
        assert set(found) == set(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


def test_another_network_is_noticed(
    config: NetworkConfig, picture: Path, build_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with virtual_board(config, build_dir=build_dir) as running:
        words = ["--port", running.port, "--config", "tiny", "--images", str(picture)]
        assert host.main([*words, "--out", str(picture.with_suffix(".npz"))]) == 2
        capsys.readouterr()
        np.save(picture.with_suffix(".npy"), np.zeros((1, 2, 6, 7), np.uint8))
        words[-1] = str(picture.with_suffix(".npy"))
        assert host.main([*words, "--out", str(picture.with_suffix(".npz"))]) == 2
    assert "another engine answers: ID" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--classify", "a.png", "--out", "y.npz"], "--classify and --out exclude each other"),
        (["--images", "a.npy"], "required: --out (or --classify)"),
        (["--images", "a.npy", "--out", "b.npz", "--invert"], "--invert: only with --classify"),
    ],
)
def test_options_that_do_not_go_together(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        host.main(["--port", "none", "--config", "mnist-net", *words])
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("config_name", ["mnist-net", "tiny"])
def test_what_is_no_picture(
    config_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    assert host.main(["--port", "none", "--config", config_name, "--classify", str(path)]) == 2
    said = capsys.readouterr().err
    assert "not a picture" in said or "one layer; a network classifies" in said
