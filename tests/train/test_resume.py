"""A run that is killed and started again ends with the bits of one that was not."""

import signal
import subprocess
import time

import pytest

from sw.train.all import is_stored
from sw.train.options import Options
from sw.train.record import CHECKPOINT, KERNELS, METRICS, RUN
from sw.train.store import MODEL

from .runs import ROOT, command, run

RUN_WORDS = ("mnist", "--samples", "--templates", "hlac25", "--seed", "5", "--epochs", "4")
SAME = (METRICS, MODEL, KERNELS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    result = run(*RUN_WORDS, "--out", str(folder))
    assert result.returncode == 0, result.stderr
    return folder


def killed(folder, after: int) -> None:
    """Run until ``after`` epochs are on record, then kill -9."""
    process = subprocess.Popen(
        command(*RUN_WORDS, "--out", str(folder)), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    log = folder / METRICS
    while not (log.exists() and len(log.read_text().splitlines()) >= after):
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_twice_it_ends_with_the_same_bits(whole, tmp_path):
    for after in (1, 2):
        killed(tmp_path, after)
        assert not (tmp_path / RUN).exists()
    result = run(*RUN_WORDS, "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "epoch 1/4" not in result.stderr
    for name in SAME:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_finished_run_is_not_done_again(whole):
    result = run(*RUN_WORDS, "--out", str(whole))
    assert result.returncode == 2
    assert "this run is finished" in result.stderr


def test_a_checkpoint_of_another_run_is_refused(whole, tmp_path):
    (tmp_path / CHECKPOINT).write_bytes((whole / CHECKPOINT).read_bytes())
    result = run(*RUN_WORDS[:-3], "6", "--epochs", "4", "--out", str(tmp_path))
    assert result.returncode == 2
    assert "is of another run, with seed 5 and not 6" in result.stderr


def test_a_damaged_checkpoint_is_refused(whole, tmp_path):
    (tmp_path / CHECKPOINT).write_bytes((whole / CHECKPOINT).read_bytes()[:1000])
    result = run(*RUN_WORDS, "--out", str(tmp_path))
    assert result.returncode == 2
    assert "not a readable checkpoint; remove it to begin anew" in result.stderr


def test_the_record_says_what_made_it(whole):
    options = Options.of("mnist", samples=True, templates="hlac25", seed=5, epochs=4)
    (whole.parent / options.name).unlink(missing_ok=True)
    (whole.parent / options.name).symlink_to(whole)
    assert is_stored(options, whole.parent)
    other = Options.of("mnist", samples=True, templates="hlac25", seed=5, epochs=3)
    assert not is_stored(other, whole.parent)
