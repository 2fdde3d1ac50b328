"""python -m sw.host: what is refused before anything is sent. The rest is in sim/tests."""

import os
import pty
import sys
import tty

import numpy as np
import pytest

from sw import host


@pytest.fixture
def arguments(tmp_path):
    np.save(tmp_path / "in.npy", np.zeros((1, 2, 6, 7), np.uint8))
    return [
        *("--config", "tiny", "--images", str(tmp_path / "in.npy")),
        *("--out", str(tmp_path / "out.npz")),
    ]


def test_no_such_port(arguments, capsys, tmp_path):
    assert host.main(["--port", str(tmp_path / "none"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"python -m sw.host: error: {tmp_path / 'none'}: cannot be opened:")
    assert error.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()


def test_no_pyserial(arguments, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    assert host.main(["--port", "any", *arguments]) == 2
    assert "pyserial is not installed: pip install pyserial" in capsys.readouterr().err


def test_nothing_answers(arguments, capsys, tmp_path):
    board_end, host_end = pty.openpty()
    tty.setraw(host_end)
    try:
        port = os.ttyname(host_end)
        assert host.main(["--port", port, "--timeout", "0.01", *arguments]) == 2
    finally:
        os.close(board_end)
        os.close(host_end)
    error = capsys.readouterr().err
    assert f"{port}: no answer to HELLO, sent 10 times" in error
    assert "is the board on, its bitstream loaded, and the baud rate right?" in error
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("baud", ["0", "-1", "fast"])
def test_a_wrong_baud_rate(arguments, capsys, baud):
    with pytest.raises(SystemExit) as exit_:
        host.main(["--port", "any", "--baud", baud, *arguments])
    assert exit_.value.code == 2
    assert f"expected a number above 0, got '{baud}'" in capsys.readouterr().err


@pytest.mark.parametrize("timeout", ["-1", "nan", "soon"])
def test_a_wrong_timeout(arguments, capsys, timeout):
    with pytest.raises(SystemExit):
        host.main(["--port", "any", "--timeout", timeout, *arguments])
    assert f"expected seconds, 0 to 3600, got '{timeout}'" in capsys.readouterr().err


def test_wrong_images_before_the_port(arguments, capsys, tmp_path):
    np.save(tmp_path / "in.npy", np.zeros((1, 3, 6, 7), np.uint8))
    assert host.main(["--port", str(tmp_path / "none"), *arguments]) == 2
    assert "shape: expected (N, 2, 6, 7)" in capsys.readouterr().err
