"""The engine as a cocotb test sees it: images in, outputs back, registers by name.

The bus drivers are cocotbext-axi's, which is not ours: it would not share a misunderstanding of the
AXI protocols with our RTL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from sw import packing
from sw.config import EngineConfig
from sw.images import Images
from sw.numeric import IntArray
from sw.registers import COUNTERS, register_map, setup_writes, weight_writes
from sw.reuse import Counters

__all__ = ["OKAY", "SLVERR", "EngineDriver"]

OKAY = AxiResp.OKAY
SLVERR = AxiResp.SLVERR

_CLOCK_NS = 10
_RESET_CYCLES = 3
_MAX_POLLS = 20_000


class EngineDriver:
    """One ``katazome`` with drivers on its buses.

    Parameters
    ----------
    dut : Any
        The top module's handle, as cocotb gives it: its members are known at run time only.
    config : EngineConfig
        What it was generated from.

    Members
    -------
    source, sink : AxiStreamSource, AxiStreamSink
        ``set_pause_generator`` makes them pause.
    weights : AxiStreamSource
        Only with run-time weights.
    control : AxiLiteMaster
    registers : RegisterMap
    """

    def __init__(self, dut: Any, config: EngineConfig) -> None:
        self.dut = dut
        self.config = config
        self.registers = register_map(config)
        Clock(dut.clk, _CLOCK_NS, "ns").start()
        dut.rst.value = 1
        self.source = AxiStreamSource(self._stream("s_axis"), dut.clk, dut.rst)
        self.sink = AxiStreamSink(self._stream("m_axis"), dut.clk, dut.rst)
        if config.run_time_weights:
            self.weights = AxiStreamSource(self._stream("s_weight"), dut.clk, dut.rst)
        bus = AxiLiteBus.from_prefix(dut, "s_axil", bus_separator="__")
        self.control: Any = AxiLiteMaster(bus, dut.clk, dut.rst)  # its results are untyped

    def _stream(self, prefix: str) -> AxiStreamBus:
        return AxiStreamBus.from_prefix(self.dut, prefix, bus_separator="__")

    async def cycles(self, count: int) -> None:
        """Wait for so many clock cycles."""
        await ClockCycles(self.dut.clk, count)

    async def reset(self) -> None:
        """Hold the reset for a few cycles, whatever goes on; it also resets the drivers."""
        self.dut.rst.value = 1
        await self.cycles(_RESET_CYCLES)
        self.dut.rst.value = 0
        await self.cycles(1)

    async def start(self) -> None:
        """From power-up to taking frames: reset, load what the configuration has, run."""
        await self.reset()
        await self.load(setup_writes(self.config))
        await self.run()

    # ---- Registers

    async def write_at(self, address: int, data: int) -> AxiResp:
        """Write a word; the response."""
        result = await self.control.write(address, (data & 0xFFFFFFFF).to_bytes(4, "little"))
        return result.resp

    async def read_at(self, address: int) -> tuple[int, AxiResp]:
        """Read a word, and the response."""
        result = await self.control.read(address, 4)
        return int.from_bytes(result.data, "little"), result.resp

    async def write(self, name: str, data: int) -> None:
        """Write the register of that name, which must succeed."""
        assert await self.write_at(self.registers.offset(name), data) == OKAY, name

    async def read(self, name: str) -> int:
        """Read the register of that name, which must succeed."""
        data, response = await self.read_at(self.registers.offset(name))
        assert response == OKAY, name
        return data

    async def load(self, writes: Iterable[tuple[int, int]]) -> None:
        """Do (address, data) writes, all of which must succeed."""
        for address, data in writes:
            assert await self.write_at(address, data) == OKAY, hex(address)

    async def load_weights(self, weight: IntArray) -> None:
        """Stop, load the learned kernels' weights, shape (L, C, kh, kw), and run again."""
        await self.stop()
        await self.load(weight_writes(self.config, weight))
        await self.run()

    async def refused(self) -> bool:
        """Whether a set of weights was dropped since the counters were cleared."""
        return bool(await self.read("STATUS") & self.registers.bits("STATUS", "weights_refused"))

    async def run(self, *also: str) -> None:
        """Take frames from now on; set other CONTROL bits in the same write."""
        await self.write("CONTROL", self.registers.bits("CONTROL", "run", *also))

    async def stop(self) -> None:
        """Stop at the next frame boundary and wait until everything has left."""
        await self.write("CONTROL", 0)
        idle = self.registers.bits("STATUS", "idle")
        for _ in range(_MAX_POLLS):
            if await self.read("STATUS") & idle:
                return
        raise AssertionError("the engine does not become idle")

    async def counters(self) -> Counters:
        """All counters."""
        values: dict[str, int] = {}
        for name in COUNTERS:
            low = await self.read(f"{name.upper()}_LO")
            values[name] = await self.read(f"{name.upper()}_HI") << 32 | low
        return Counters(**values)

    # ---- Streams

    def send(self, images: Images, lengths: Sequence[int] | None = None) -> None:
        """Queue images, one frame each.

        Parameters
        ----------
        images : Images, shape (N, C, H, W)
        lengths : sequence of int, optional
            Pixels of each frame: fewer than ``H * W`` cut it short; of more, the surplus repeats
            the image from its start.
        """
        packed = packing.pack_images(images, self.config)
        pixels = packed.shape[1]
        for frame, length in zip(packed, lengths or [pixels] * len(packed), strict=True):
            sent = np.resize(frame, (length, frame.shape[1]))
            self.source.send_nowait(AxiStreamFrame(sent.tobytes()))

    def send_weights(self, weight: IntArray, *, length: int | None = None, noise: int = 0) -> None:
        """Queue a set of weights, shape (L, C, kh, kw), for the weight stream.

        Parameters
        ----------
        length : int, optional
            Words of the set: fewer than there are weights cut it, of more the surplus repeats it.
        noise : int
            Added to every word above the bits of a weight.
        """
        words = packing.pack_weights(weight, self.config)
        words = np.resize(words, (length or len(words), words.shape[1]))
        values = words @ (1 << 8 * np.arange(words.shape[1]))
        bits, width = self.config.layer.weight_format.bits, 8 * words.shape[1]
        values = (values & ((1 << bits) - 1)) | (noise << bits) & ((1 << width) - 1)
        data = b"".join(int(value).to_bytes(width // 8, "little") for value in values)
        self.weights.send_nowait(AxiStreamFrame(data))

    async def receive(self, count: int) -> tuple[IntArray, list[bool]]:
        """Outputs of the next ``count`` frames, shape (count, K, OH, OW), and which are bad."""
        outputs = np.empty((count, *self.config.layer.output_shape), np.int64)
        bad: list[bool] = []
        for index in range(count):
            frame = await self.sink.recv(compact=False)
            outputs[index] = packing.unpack_output(self._beats(frame), self.config)[0]
            bad.append(bool(frame.tuser[-1]))
        return outputs, bad

    def _beats(self, frame: AxiStreamFrame) -> npt.NDArray[np.uint8]:
        """A received frame's bytes, shape (1, beats, bytes of a beat)."""
        beats, width = packing.output_beats(self.config), packing.output_bytes(self.config)
        assert len(frame.tdata) == beats * width, (
            f"the output frame has {len(frame.tdata) / width:g} beats, expected {beats}"
        )
        return np.frombuffer(bytes(frame.tdata), np.uint8).reshape(1, beats, width)

    async def finish(self) -> None:
        """Stop; nothing must be left over on either side, and nothing extra come."""
        await self.stop()
        await self.cycles(100)
        assert self.source.empty(), "the source has frames left"
        if self.config.run_time_weights:
            assert self.weights.empty(), "the weights' source has words left"
            assert self.weights.idle(), "the weights' source has part of a set"
        assert self.sink.empty(), "the sink has frames left"
        assert self.sink.idle(), "the sink has part of a frame"
