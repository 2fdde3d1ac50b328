"""sw.cli: statuses and messages of commands, and files written whole or not at all."""

import os
import signal
import time

import pytest

from sw.cli import InputError, check_folder, run, write_files
from sw.config_error import ConfigError
from sw.spec import SpecError
from sw.templates import BankError


def raising(error: BaseException):
    def main() -> int:
        raise error

    return main


def test_the_status_of_the_command_is_handed_on():
    assert run(lambda: 0, prog="x") == 0
    assert run(lambda: 3, prog="x") == 3


@pytest.mark.parametrize("kind", [ConfigError, SpecError, BankError, InputError])
def test_bad_input_is_one_line_and_status_2(kind, capsys):
    assert run(raising(kind("a.toml: wrong")), prog="python -m x") == 2
    captured = capsys.readouterr()
    assert captured.err == "python -m x: error: a.toml: wrong\n"
    assert captured.out == ""


def test_an_error_of_the_system_names_the_file(tmp_path, capsys):
    assert run(lambda: len((tmp_path / "none").read_bytes()), prog="x") == 2
    assert capsys.readouterr().err == f"x: error: {tmp_path / 'none'}: No such file or directory\n"


def test_ctrl_c_is_130_without_a_traceback(capsys):
    assert run(raising(KeyboardInterrupt()), prog="x") == 130
    assert capsys.readouterr().err == "x: interrupted, nothing written\n"


def test_a_sigterm_is_143_and_lets_the_command_tidy_up(capsys):
    tidied = []

    def main() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            tidied.append(True)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert run(main, prog="x") == 143
    assert capsys.readouterr().err == "x: terminated, nothing written\n"
    assert tidied == [True]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("error", [RuntimeError("ours"), ValueError("ours"), OSError("ours")])
def test_our_own_mistakes_keep_their_traceback(error):
    with pytest.raises(type(error), match="ours"):
        run(raising(error), prog="x")


def test_files_are_written_into_a_new_folder(tmp_path):
    write_files(tmp_path / "a" / "b", {"x.txt": "é", "y.bin": b"\0"})
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == ["x.txt", "y.bin"]
    assert (tmp_path / "a" / "b" / "x.txt").read_bytes() == "é".encode()


def test_files_replace_older_ones_and_leave_others(tmp_path):
    (tmp_path / "x").write_text("old")
    (tmp_path / "other").write_text("kept")
    write_files(tmp_path, {"x": "new"})
    assert (tmp_path / "x").read_text() == "new"
    assert (tmp_path / "other").read_text() == "kept"


def test_nothing_changes_when_one_file_cannot_be_made(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(InputError, match="cannot write there"):
        write_files(tmp_path, {"x": "new", "no/such/place": ""})
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_folder_made_in_vain_is_removed(tmp_path):
    with pytest.raises(InputError):
        write_files(tmp_path / "new", {"no/such/place": ""})
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("below", ["file", "file/deeper/still"])
def test_a_file_is_no_folder(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is not a folder"):
        check_folder(tmp_path / below)


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(InputError, match="is not writable"):
        check_folder(tmp_path / "out")
