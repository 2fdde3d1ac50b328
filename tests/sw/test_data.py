"""sw.data: the command line. No test here downloads."""

import subprocess
import sys

import pytest

from sw import data
from tests.sw.datasets.published import out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["svhn"], "unknown data set 'svhn': expected mnist, cifar10 or samples"),
        (["samples", "mnist"], "samples are made alone"),
        (["--form", "x"], "unrecognized arguments"),
        (["--out"], "expected one argument"),
    ],
)
def test_wrong_arguments_exit_2(arguments, said, capsys):
    with pytest.raises(SystemExit) as caught:
        data.main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_out_that_is_a_file_is_refused_before_any_download(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(data, "package_source", None)
    (tmp_path / "out").write_text("")
    assert data.main(["mnist", *out(tmp_path)]) == 2
    assert "is a file; --out must be a folder" in capsys.readouterr().err


def test_help_says_what_to_bring(capsys):
    with pytest.raises(SystemExit) as caught:
        data.main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for words in ("train-images-idx3-ubyte", "cifar-10-batches-py", "--from FOLDER", "MD5"):
        assert words in printed


def test_runs_as_a_module(tmp_path):
    origin = str(tmp_path / "none")
    command = [sys.executable, "-m", "sw.data", "mnist", "--from", origin, *out(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such folder" in done.stderr
    assert "Traceback" not in done.stderr
