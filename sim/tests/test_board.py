"""The host's program and the RTL at its pins, a bad line between: right numbers or an error."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import serial

from sim import board
from sim.board import Noise, virtual_board
from sw import host, reference
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.line import Link
from sw.link import Command
from sw.reuse import predict
from sw.session import Session

FRAMES = 12


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Images for an engine, and where a host writes."""

    config: EngineConfig
    images: np.ndarray
    folder: Path

    def host(self, port: str, *more: str) -> int:
        """Run the host; its exit status."""
        names = {"--images": "in.npy", "--out": "out.npz", "--json": "out.json"}
        files = (w for option, name in names.items() for w in (option, str(self.folder / name)))
        arguments = ["--port", port, "--config", self.config.name, *files, "--timeout", "0.05"]
        return host.main([*arguments, *more])

    def check(self) -> None:
        """The files are those of the golden model."""
        with np.load(self.folder / "out.npz") as found:
            np.testing.assert_array_equal(found["y"], reference.run(self.images, self.config))
        counters = json.loads((self.folder / "out.json").read_text())
        assert counters.pop("cycles") > 0
        expected = predict(self.images, self.config).as_dict()
        del expected["cycles"]
        assert counters == expected

    def check_nothing_written(self) -> None:
        """No number is better than a wrong one."""
        assert sorted(path.name for path in self.folder.iterdir()) == ["in.npy"]


@pytest.fixture
def trial(rng: np.random.Generator, tmp_path: Path) -> Trial:
    images = rng.integers(0, 256, (FRAMES, 2, 6, 7))
    np.save(tmp_path / "in.npy", images)
    return Trial(config=load_config("tiny"), images=images, folder=tmp_path)


def test_quiet_line(trial: Trial, build_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with virtual_board(trial.config, build_dir=build_dir) as running:
        assert trial.host(running.port) == 0
    trial.check()
    assert running.injected == {"flipped": 0, "lost": 0, "added": 0}
    assert f"{FRAMES} frames in " in capsys.readouterr().out


def test_noisy_line(
    trial: Trial, build_dir: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = Noise(flip=400, lose=400, garbage=400, seed=seed % 2**30)
    with virtual_board(trial.config, noise=noise, build_dir=build_dir) as running:
        assert trial.host(running.port) == 0
    trial.check()
    assert all(running.injected.values()), running.injected
    assert "; 0 requests repeated" not in capsys.readouterr().out


def test_hopeless_line(trial: Trial, build_dir: Path) -> None:
    with virtual_board(trial.config, noise=Noise(flip=30_000), build_dir=build_dir) as running:
        assert trial.host(running.port, "--timeout", "0.01") == 2
    trial.check_nothing_written()


def test_a_host_that_left_in_the_middle_of_a_frame(trial: Trial, build_dir: Path) -> None:
    with virtual_board(trial.config, build_dir=build_dir) as running:
        with serial.Serial(running.port, timeout=0.02) as port:
            session = Session(Link(port=port), trial.config)
            session.begin()
            session.write("CONTROL", 1)
            session.link.request(Command.EXCHANGE, bytes((20, *range(31))))
            port.write(b"\x7e\x01\x02")  # and half of a packet
        assert trial.host(running.port) == 0
    trial.check()


def test_the_wrong_engine(
    trial: Trial, build_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with virtual_board(trial.config, build_dir=build_dir) as running:
        assert trial.host(running.port, "--set", "table.entries=4") == 2
        assert "another engine answers: ENTRIES" in capsys.readouterr().err
        assert trial.host(running.port, "--set", 'template_scale="defer"') == 2
        assert "its shape is that of tiny, but not its templates" in capsys.readouterr().err
    trial.check_nothing_written()


def test_the_command(trial: Trial, build_dir: Path) -> None:
    """A board until Ctrl-C, here with some noise."""
    arguments = ["--config", "tiny", "--flip", "100", "--seed", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "sim.board", *arguments],
        cwd=build_dir.parent,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            assert trial.host(port) == 0
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
    trial.check()


def test_noise_out_of_range(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        board.main(["--config", "tiny", "--lose", "1000000"])
    assert exit_.value.code == 2
    assert "expected 0 to 999999, got '1000000'" in capsys.readouterr().err
