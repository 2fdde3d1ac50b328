"""SPACE.toml: what is a point, and what is refused."""

import pytest

from hw.explore import space as module
from hw.explore.space import Point, load_space
from sw.cli import InputError


def loaded(tmp_path, text):
    path = tmp_path / "space.toml"
    path.write_text(text)
    return load_space(path)


def test_a_space_is_all_combinations_of_its_grids_once(tmp_path):
    space = loaded(
        tmp_path,
        'common.templates = "none"\n'
        '[[grid]]\nstrategy = "value_cam"\ntable.entries = [8, 16]\nfold.kernels = [1, 2]\n'
        '[[grid]]\nstrategy = ["value_cam"]\ntable = { entries = 16 }\nfold.kernels = 2\n'
        '[[grid]]\nstrategy = "direct"\ninput_bits = [4, 8]\n',
    )
    points = space.points()
    assert len(points) == len(set(points)) == 4 + 2
    assert points[0] == Point.of(
        {"templates": "none", "strategy": "value_cam", "table.entries": 8, "fold.kernels": 1}
    )
    assert points[0].key == "fold.kernels=1 strategy=value_cam table.entries=8 templates=none"
    assert points[-1].get("input_bits") == 8
    assert points[-1].assignments == ['strategy="direct"', 'templates="none"']


def test_an_axis_that_some_grids_lack_gets_a_value_there(tmp_path):
    text = '[[grid]]\nstrategy = "direct"\ninput_bits = [4, 8]\n[[grid]]\nstrategy = "direct"\n'
    space = loaded(tmp_path, text)
    assert space.complete("device", "85k-6") == space
    points = space.complete("input_bits", 8).points()
    assert [point.get("input_bits") for point in points] == [4, 8]


def test_a_sample_repeats_nothing_and_depends_on_its_seed_alone(tmp_path):
    space = loaded(tmp_path, "[[grid]]\na = [1, 2, 3, 4]\nb = [1, 2, 3, 4]\n")
    drawn = space.sample(9, seed=5)
    assert drawn == space.sample(9, seed=5) != space.sample(9, seed=6)
    assert len(set(drawn)) == 9
    assert set(space.sample(99, seed=1)) == set(space.points())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "grid: expected at least one table"),
        ("[grid]\na = 1\n", "grid: expected at least one table"),
        ("[[grids]]\na = 1\n", "unknown table grids; known: [[grid]], [common]"),
        ("common = 3\n[[grid]]\na = 1\n", "common: expected a table of axes, got 3"),
        ("[[grid]]\na.b = []\n", "grid 1.a.b: expected a value or a list of some"),
        (
            "[[grid]]\na = 1\n[[grid]]\nb = [[1]]\n",
            "grid 2.b: expected text, numbers or true/false",
        ),
        ("[[grid\n", "not a readable TOML file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    with pytest.raises(InputError) as refused:
        loaded(tmp_path, text)
    assert said in str(refused.value)
    assert "space.toml" in str(refused.value)


def test_a_space_too_large_is_refused_before_it_is_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_POINTS", 10)
    axes = "".join(f"a{n} = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n" for n in range(30))
    with pytest.raises(InputError, match="points; expected at most 10"):
        loaded(tmp_path, f"[[grid]]\n{axes}")
