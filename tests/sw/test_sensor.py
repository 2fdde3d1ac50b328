"""Sensor counts: the curve, the laws of the noise, and the same counts for the same seed."""

import numpy as np
import pytest

from sw.data import load_samples
from sw.sensor import ZYLA_12, ZYLA_16, Sensor, linear_light

SENSORS = [ZYLA_12, ZYLA_16]


def grey(code, count=20_000):
    return np.full(count, code, np.uint8)


@pytest.mark.parametrize(
    ("code", "light"), [(0, 0.0), (10, 0.0030353), (118, 0.1811642), (255, 1.0)]
)
def test_the_curve_is_srgbs(code, light):
    """Values from the standard's own formula, worked out by hand; 10 lies on its line."""
    assert linear_light(np.array([code], np.uint8))[0] == pytest.approx(light, abs=1e-6)


def test_the_curve_rises_and_has_no_step():
    light = linear_light(np.arange(256, dtype=np.uint8))
    steps = np.diff(light)
    assert (steps > 0).all()
    assert (np.diff(steps) > -1e-6).all()


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda s: s.bits)
@pytest.mark.parametrize("code", [60, 128, 220])
def test_the_noise_is_that_of_photons_and_amplifier(sensor, code):
    counts = sensor.expose(grey(code)).astype(float)
    electrons = linear_light(grey(code, 1))[0] * sensor.full_well
    gain = sensor.electrons_per_count
    variance = (electrons + sensor.read_noise**2) / gain**2 + 1 / 12  # rounding's own
    assert counts.mean() == pytest.approx(electrons / gain, rel=0.01)
    assert counts.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda s: s.bits)
def test_counts_fit_their_word_and_use_it(sensor):
    counts = sensor.expose(load_samples("cifar10").images[:20])
    assert counts.dtype == np.uint16
    assert 0.9 * 2**sensor.bits < counts.max() < 2**sensor.bits
    assert counts.min() < 50


def test_white_saturates():
    small = Sensor(name="x", bits=4, full_well=1000, read_noise=0, electrons_per_count=1, source="")
    assert (small.expose(grey(255, 9)) == 15).all()


def test_without_noise_there_are_no_more_values_than_codes():
    codes = np.arange(256, dtype=np.uint8)
    counts = ZYLA_16.expose(codes, noise=False)
    assert len(np.unique(counts)) == 255  # the two brightest saturate
    assert len(np.unique(ZYLA_16.expose(np.repeat(codes, 50)))) > 4000


def test_the_seed_decides():
    images = load_samples("cifar10").images[:2]
    first = ZYLA_12.expose(images, seed=1)
    assert (first == ZYLA_12.expose(images, seed=1)).all()
    assert (first != ZYLA_12.expose(images, seed=2)).any()
