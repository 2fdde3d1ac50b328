"""The law of a few points."""

import pytest

from bench.fit import Law, fit_law


def test_a_line_is_found():
    law = fit_law([(n, 30 + 4 * n) for n in (8, 16, 64, 256)])
    assert law.kind == "line"
    assert (law.a, law.b) == (pytest.approx(30), pytest.approx(4))
    assert law.deviation < 1e-9
    assert law.text == "4.00 n + 30.0"


def test_a_power_is_found():
    law = fit_law([(n, 5 * n**1.5) for n in (1, 3, 16, 64)])
    assert law.kind == "power"
    assert (law.a, law.b) == (pytest.approx(5), pytest.approx(1.5))
    assert law.text == "5.00 n^1.50"


def test_the_deviation_is_the_largest():
    law = fit_law([(1, 100), (2, 100), (3, 100), (4, 140)])
    assert law.deviation == max(abs(law(n) / y - 1) for n, y in [(1, 100), (2, 100), (4, 140)])
    assert law.deviation > 0.05


def test_it_survives_json():
    law = fit_law([(1, 3), (2, 5.1), (3, 7)])
    again = Law.of(law.stored())
    assert again.kind == law.kind
    assert again(7) == pytest.approx(law(7), rel=1e-4)


@pytest.mark.parametrize("points", [[], [(1, 2)], [(1, 2), (2, 0)], [(0, 1), (1, 2)]])
def test_points_without_a_law(points):
    with pytest.raises(ValueError, match="two positive points"):
        fit_law(points)
