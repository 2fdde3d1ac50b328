"""The layer files in the repository are what ``python -m sw.initial`` draws."""

import numpy as np
import pytest

from sw.configfile import CONFIG_FOLDER, load_config
from sw.initial import main, templated_layer
from sw.spec import load_layer
from sw.templates import find_templates, hlac25


def test_it_draws_the_files_that_are_there(tmp_path, capsys):
    assert main(["--out", str(tmp_path)]) == 0
    drawn = sorted(tmp_path.iterdir())
    assert [path.name for path in drawn] == sorted(
        path.name for path in CONFIG_FOLDER.glob("*.npz")
    )
    assert sorted(capsys.readouterr().out.split()) == [str(path) for path in drawn]
    for path in drawn:
        assert load_layer(path).digest() == load_layer(CONFIG_FOLDER / path.name).digest()


def test_the_same_call_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        main(["--out", str(tmp_path / folder)])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["--out", str(tmp_path / "file" / "x")]) == 2
    assert capsys.readouterr().err.startswith("python -m sw.initial: error: ")


def test_the_papers_layer():
    layer = load_config("cifar10-layer1").layer
    found = find_templates(layer.weight)
    assert [template is not None for template in found] == [True] * 25 + [False] * 7
    for template, pattern in zip(found, hlac25(), strict=False):
        assert template is not None
        assert template.magnitude == 148  # 3 / sqrt(27) in units of 2**-8
        assert template.same_in_all_channels
        assert np.array_equal(template.pattern[0], pattern)
    assert layer.output_shape == (32, 30, 30)
    assert layer.multiplications_needed == 777_600
    assert layer.weight_format.bits == 9


def test_the_plain_layer_has_the_same_learned_kernels():
    templated, plain = load_config("cifar10-layer1"), load_config("cifar10-layer1-plain")
    assert np.array_equal(templated.layer.weight[25:], plain.layer.weight[25:])
    assert plain.learned == tuple(range(32))


def test_the_initialiser_has_the_papers_deviation():
    layer = templated_layer(input_shape=(3, 32, 32), kernels=256, bank=None, seed=1)
    assert layer.weight.std() / 256 == pytest.approx(27**-0.5, rel=0.05)
    assert abs(layer.weight.mean()) < 2
