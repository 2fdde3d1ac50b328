"""Words, windows and plain cores."""

import numpy as np
import pytest

from bench.design import Design, Feed, Field, pack, unpack
from bench.plain import plain_core
from bench.stream_check import MAX_LATENCY, bench_verilog, compare
from bench.window import windowed


def test_words_hold_the_first_number_in_the_low_bits():
    assert pack(np.array([[1, 2, 3], [255, 0, 1]]), 8) == [0x030201, 0x0100FF]
    assert pack(np.array([[-1, 0]]), 4) == [0x0F]


def test_numbers_come_out_of_words():
    fields = (Field(bits=4), Field(bits=4, signed=False), Field(bits=3, shift=1))
    words = [0b011_1111_1111, 0b100_0001_1000]
    assert unpack(words, fields).tolist() == [[-1, 15, 6], [-8, 1, -8]]


def test_a_field_without_bits_is_zero():
    assert unpack([5, 2], (Field(bits=0), Field(bits=3, signed=False))).tolist() == [[0, 5], [0, 2]]


@pytest.mark.parametrize("latency", [0, 5, MAX_LATENCY - 1])
def test_the_latency_is_found(rng, latency):
    expected = rng.integers(-100, 100, (20, 3))
    shown = np.zeros((20 + MAX_LATENCY, 3), np.int64)
    shown[latency : latency + 20] = expected
    found = compare(shown, expected, np.arange(20))
    assert (found.compared, found.different, found.latency) == (60, 0, latency)


def test_an_output_that_differs_is_counted(rng):
    expected = rng.integers(-100, 100, (20, 3))
    shown = np.zeros((20 + MAX_LATENCY, 3), np.int64)
    shown[7:27] = expected
    shown[9, 1] += 1
    found = compare(shown, expected, np.arange(20))
    assert (found.different, found.latency) == (1, None)


def test_a_key_follows_the_sources():
    def design(text):
        return Design(top="t", sources={"t.v": text}, verify=lambda _: pytest.fail("not run"))

    assert design("a").key == design("a").key
    assert design("a").key != design("b").key


def test_the_window_has_a_tap_for_each_weight():
    text = windowed(channels=2, width=5, pixel_bits=8, output_bits=10)
    core = text[text.index("model_inp") : text.index(".model_out")]
    taps = core.count("[")
    assert taps == 18
    assert len(set(core.replace(" ", "").strip("}),{").split(","))) >= taps
    assert "line2 [0:4]" in text


def test_a_plain_core_multiplies_every_weight():
    text, fields = plain_core(np.array([[1, -74], [3, 2]]), input_bits=8)
    assert text.count(" * ") == 4
    assert "* -9'sd74" in text
    assert [f.bits for f in fields] == [11, 16]


def test_the_bench_ties_the_other_inputs():
    feed = Feed(
        input="a",
        output="b",
        input_bits=8,
        inputs=3,
        fields=(Field(bits=5),),
        constants={"rst": 0, "go": 1},
    )
    text = bench_verilog("dut", feed)
    assert ".\\rst (0)" in text
    assert ".\\go (1)" in text
    assert "reg [23:0] word" in text
    assert "wire [4:0] shown" in text
