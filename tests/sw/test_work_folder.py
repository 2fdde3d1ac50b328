"""sw.work_folder: gone at the end, and after a kill with the next; never another's."""

import subprocess
import sys

import pytest

from sw.work_folder import work_folder

HOLD = """
import sys, time
from pathlib import Path
from sw.work_folder import work_folder
with work_folder(Path(sys.argv[1]), "theirs") as folder:
    (folder / "half").write_text("written")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that works below the same folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip().endswith("-theirs")
        yield process
        process.kill()


def test_it_is_gone_at_the_end(tmp_path):
    with work_folder(tmp_path / "new", "ours") as folder:
        (folder / "file").write_text("text")
    assert not folder.exists()
    assert list((tmp_path / "new").iterdir()) == []


def test_an_exception_passes_and_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), work_folder(tmp_path, "ours"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_renamed_folder_stays(tmp_path):
    with work_folder(tmp_path, "ours") as folder:
        folder.rename(tmp_path / "result")
    assert list(tmp_path.iterdir()) == [tmp_path / "result"]


def test_what_another_process_works_in_stays(tmp_path, other):
    with work_folder(tmp_path, "ours"):
        pass
    assert [path.name.rpartition("-")[2] for path in tmp_path.iterdir()] == ["theirs"]
    assert other.poll() is None


def test_what_a_killed_process_left_goes(tmp_path, other):
    other.kill()
    other.wait()
    assert len(list(tmp_path.iterdir())) == 1
    with work_folder(tmp_path, "ours") as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_folders_of_other_names_stay(tmp_path):
    for name in ("run-1", "emit-results", "work-ours", ".working"):
        (tmp_path / name).mkdir()
    with work_folder(tmp_path, "ours"):
        pass
    assert len(list(tmp_path.iterdir())) == 4
