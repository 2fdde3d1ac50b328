"""hw.boards and constraints/: pins and clocks as amaranth-boards has them."""

import re
from fractions import Fraction

import pytest
from amaranth_boards.arty_a7 import ArtyA7_35Platform
from amaranth_boards.icebreaker import ICEBreakerPlatform
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
from amaranth_boards.ulx3s import ULX3S_85F_Platform

from hw.boards import BOARDS, CONSTRAINTS
from sw.link import DEFAULT_BAUD

PLATFORMS = {
    "ulx3s-85f": (ULX3S_85F_Platform, "led"),
    "orangecrab-25f": (OrangeCrabR0_2_25FPlatform, ("rgb_led", "g")),
    "icebreaker": (ICEBreakerPlatform, "led_g"),
    "arty-a7": (ArtyA7_35Platform, "led"),
}
PINS = {
    ".lpf": r'^LOCATE COMP "(?P<port>\w+)" SITE "(?P<pin>\w+)";$',
    ".pcf": r"^set_io (?:-\w+ \w+ )*(?P<port>\w+) (?P<pin>\w+)$",
    ".xdc": r"^set_property -dict { PACKAGE_PIN (?P<pin>\w+) .*} \[get_ports (?P<port>\w+)\]$",
}
CLOCKS = {
    ".lpf": (r'^FREQUENCY PORT "clk" (\S+) MHZ;$', Fraction),
    ".pcf": (r"^set_frequency clk (\S+)$", Fraction),
    ".xdc": (r"^create_clock .*-period (\S+) \[get_ports clk\]$", lambda ns: 1000 / Fraction(ns)),
}

each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)


def resource(platform, name):
    return next(r for r in platform.resources if r.name == name and r.number == 0)


def pins_of(platform, led):
    """Pins of clock, rx, tx and LED, whether the LED is on when low, and MHz of the clock."""
    clock = resource(platform, platform.default_clk)
    uarts = [r for r in platform.resources if r.name == "uart"]
    if uarts:
        rx, tx = (next(s.ios[0] for s in uarts[0].ios if s.name == n) for n in ("rx", "tx"))
        serial = {"rx": rx.names, "tx": tx.names}
    else:  # pins 0 and 1 of the header
        (header,) = [c for c in platform.connectors if c.name == "io"]
        serial = {"rx": [header.mapping["0"]], "tx": [header.mapping["1"]]}
    if isinstance(led, tuple):
        io = next(s.ios[0] for s in resource(platform, led[0]).ios if s.name == led[1])
    else:
        io = resource(platform, led).ios[0]
    found = {"clk": clock.ios[0].names, **serial, "led": io.names}
    return {port: names[0] for port, names in found.items()}, io.invert, clock


@each_board
def test_pins_and_clocks(board):
    platform_class, led = PLATFORMS[board.name]
    platform = platform_class
    pins, inverted, clock = pins_of(platform, led)
    text, kind = board.constraints_text(), board.constraints[-4:]
    found = {m["port"]: m["pin"] for m in re.finditer(PINS[kind], text, re.MULTILINE)}
    assert found == pins
    assert board.led_on == (not inverted)
    hertz = clock.clock.frequency if hasattr(clock.clock, "frequency") else 1 / clock.clock.period
    assert board.oscillator_mhz == Fraction(hertz) / 10**6
    pattern, megahertz = CLOCKS[kind]
    (stated,) = re.findall(pattern, text, re.MULTILINE)
    assert megahertz(stated) == board.oscillator_mhz


@each_board
def test_the_chip_is_the_boards(board):
    platform, _ = PLATFORMS[board.name]
    if board.chip:
        words = " ".join(board.chip).upper()
        size = re.search(r"(\d+)[FK]", platform.device.upper())
        assert size
        assert size[1] in board.chip[0]
        assert re.sub(r"\D", "", platform.package) in words
        if board.family == "ecp5":
            assert words.endswith(f"--SPEED {platform.speed}")


@each_board
def test_the_engines_clock(board):
    pll = board.make_pll()
    assert pll.output_mhz == board.clock_mhz
    assert board.divisor * DEFAULT_BAUD == board.clock_mhz * 1_000_000
    assert board.divisor >= 8  # so that the two ends' clocks may differ by 3 %


def test_every_file_is_a_boards():
    assert {path.name for path in CONSTRAINTS.iterdir()} == {b.constraints for b in BOARDS.values()}
    assert set(PLATFORMS) == set(BOARDS)
