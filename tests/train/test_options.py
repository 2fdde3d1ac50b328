"""Options that do not fit are refused before anything is done."""

import pytest

from sw.cli import InputError
from sw.train.options import Options


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "imagenet"}, "data must be mnist or cifar10, not 'imagenet'"),
        ({"system": "ternary"}, "system must be one of plain, .*, not 'ternary'"),
        ({"system": "binary", "templates": "lbp"}, "templates need system plain"),
        ({"fixed": 3}, "fixed needs templates"),
        ({"system": "clustered"}, "need base, a finished run's folder or model"),
        ({"base": "x"}, "system clustered and the formats .* and nothing else"),
        ({"epochs": 0}, "epochs must be 1 or more, not 0"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
        ({"rate": 0.0}, "rate must be above 0"),
        ({"clusters": 1}, "clusters must be 2 to 96, not 1"),
    ],
)
def test_what_does_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        Options.of(**{"data": "mnist", **changes})


def test_names():
    assert Options.of("mnist").name == "mnist-plain-none-s0"
    found = Options.of("cifar10", templates="banks/found.json", fixed=8, seed=2)
    assert found.name == "cifar10-plain-found-f8-s2"
