"""``python -m sim.run``: what it writes, what it refuses, and that it stops when told."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sim import bulk, run
from sim.toolchain import ToolchainError
from sw import reference
from sw.configfile import load_config

ROOT = Path(__file__).parents[2]
TINY = ["--config", "tiny"]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where build/ is


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(5).integers(0, 30, (6, 2, 6, 7), np.uint8))
    return path


def test_writes_outputs_and_counters(tmp_path: Path, images: Path) -> None:
    out, counters = tmp_path / "new" / "y.npz", tmp_path / "new" / "c.json"
    arguments = ["--images", str(images), "--out", str(out), "--json", str(counters)]
    assert run.main([*TINY, *arguments, "--sink-pause", "200"]) == 0
    with np.load(out) as file:
        assert file.files == ["y"]
        found = file["y"]
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, reference.run(np.load(images), load_config("tiny")))
    predicted = tmp_path / "predicted.json"
    arguments[-3:] = [str(tmp_path / "model.npz"), "--json", str(predicted)]
    assert reference.main([*TINY, *arguments]) == 0
    shown, expected = json.loads(counters.read_text()), json.loads(predicted.read_text())
    assert list(shown) == list(expected)
    assert shown.pop("cycles") > 6 * 42
    expected.pop("cycles")
    assert shown == expected
    assert out.read_bytes() == (tmp_path / "model.npz").read_bytes()
    assert sorted(path.name for path in out.parent.iterdir()) == ["c.json", "y.npz"]


def test_no_golden_model_takes_part() -> None:
    text = "import sys, sim.run; sys.exit('sw.reference' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=False).returncode == 0


def test_demo_compares_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--demo", "--config", "mnist-layer1", "--count", "5"]) == 0
    shown = capsys.readouterr().out
    assert "all 32" in shown
    assert "DIFFERS" not in shown


def test_demo_notices_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = reference.run

    def wrong(*arguments: object) -> np.ndarray:
        outputs = right(*arguments)  # pyright: ignore[reportArgumentType]
        outputs[3, 30, 2, 1] += 1
        return outputs

    monkeypatch.setattr(reference, "run", wrong)
    assert run.main(["--demo", "--config", "mnist-layer1", "--count", "5"]) == 1
    assert "all but 30 (1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--config", "nosuch"], "unknown configuration 'nosuch'"),
        (["--set", "table.entries=0"], "table.entries must be 1 to 1024, not 0"),
        (["--model", "nosuch.npz"], "nosuch.npz: no such layer file"),
        (["--images", "nosuch.npy"], "nosuch.npy: no such image file"),
        (["--images", "samples:mnist"], "shape: expected (N, 2, 6, 7)"),
        (["--out", "/dev/null/y.npz"], "/dev/null is not a folder"),
        (["--out", "."], "is a folder"),
    ],
)
def test_refuses(  # noqa: PLR0917 (pytest gives them by name)
    change: list[str],
    message: str,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def too_late(*_arguments: object, **_settings: object) -> None:
        raise AssertionError("simulated before the input was checked")

    monkeypatch.setattr(run, "simulate", too_late)
    arguments = [*TINY, "--images", str(images), "--out", str(tmp_path / "y.npz"), *change]
    assert run.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m sim.run: error: ")
    assert message in error
    assert not (tmp_path / "y.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "tiny"], "there are images of 3x32x32 or 1x28x28 only"),
        (["--count", "0"], "--count must be 1 to 1000, not 0"),
    ],
)
def test_demo_refuses(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--demo", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("pause", ["1000", "-1", "many"])
def test_refuses_a_pause(pause: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run.main([*TINY, "--images", "x", "--out", "y", f"--sink-pause={pause}"])
    assert stopped.value.code == 2
    assert "--sink-pause: expected 0 to 999" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"), [(bulk.SimulationError("it hangs"), 1), (ToolchainError("no g++"), 2)]
)
def test_status(  # noqa: PLR0917 (pytest gives them by name)
    error: Exception,
    status: int,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_arguments: object, **_settings: object) -> None:
        raise error

    monkeypatch.setattr(run, "simulate", fails)
    out = tmp_path / "y.npz"
    assert run.main([*TINY, "--images", str(images), "--out", str(out)]) == status
    assert str(error) in capsys.readouterr().err
    assert not out.exists()


def test_interrupted(tmp_path: Path) -> None:
    images = tmp_path / "many.npy"
    np.save(images, np.random.default_rng(6).integers(0, 256, (60_000, 2, 6, 7), np.uint8))
    out = tmp_path / "y.npz"
    command = [sys.executable, "-m", "sim.run", *TINY, "--images", str(images), "--out", str(out)]
    before = set((ROOT / "build").glob("run-*"))
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 300
        while not _simulating(process.pid):
            assert time.monotonic() < deadline, "it does not start to simulate"
            time.sleep(0.05)
        children = _children(process.pid)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip() == "python -m sim.run: interrupted, nothing written"
    assert not out.exists()
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert not {path for path in before ^ set((ROOT / "build").glob("run-*")) if _ours(path)}


def _children(parent: int) -> list[int]:
    """Processes that one started, by /proc."""
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(word) for word in text.split()]


def _simulating(parent: int) -> bool:
    """Whether a child of ours is the compiled bench."""
    for child in _children(parent):
        with contextlib.suppress(FileNotFoundError):  # it has ended: a compiler
            if Path(f"/proc/{child}/exe").readlink().name == "harness":
                return True
    return False


def _ours(path: Path) -> bool:
    """Whether a folder of a run is of this test: no other streams so many frames."""
    script = path / "script"
    return script.exists() and f"s {60_000:x} 0" in script.read_text()
