"""A serial line in Amaranth's simulator: bits from bytes, with a clock of their own, and back."""

from collections.abc import Sequence
from typing import Any

__all__ = ["line_bits", "listener", "speaker"]


def line_bits(byte: int, *, stop: int = 1) -> list[int]:
    """Start bit, eight data bits, stop bit."""
    return [0, *[byte >> n & 1 for n in range(8)], stop]


def speaker(pin: Any, bits: Sequence[int], cycles_a_bit: float):
    """A process that puts bits on a pin; a bit may last a fraction of a cycle more or less."""

    async def speak(ctx: Any) -> None:
        cycle = 0
        for n, bit in enumerate(bits):
            ctx.set(pin, bit)
            end = round((n + 1) * cycles_a_bit)
            for _ in range(end - cycle):
                await ctx.tick()
            cycle = end

    return speak


def listener(pin: Any, heard: list[int], cycles_a_bit: int):
    """A process that takes bytes off a pin, and asserts that their stop bits are there."""

    async def listen(ctx: Any) -> None:
        while True:
            (_, _, level) = await ctx.tick().sample(pin)
            if level:
                continue
            for _ in range(cycles_a_bit // 2):
                await ctx.tick()
            bits = []
            for _ in range(9):
                for _ in range(cycles_a_bit):
                    (_, _, level) = await ctx.tick().sample(pin)
                bits.append(level)
            assert bits.pop() == 1, "no stop bit"
            heard.append(sum(bit << n for n, bit in enumerate(bits)))

    return listen
