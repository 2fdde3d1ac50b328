"""Both ends of AXI4-Lite in Amaranth's simulator, and a watch that the rules are kept."""

import random

from amaranth.sim import SimulatorContext

__all__ = ["AxiLiteDriver", "AxiLiteMemory", "watch_responses"]


class AxiLiteDriver:
    """A manager with random pauses: one write and one read may be under way at a time.

    Parameters
    ----------
    bus : AxiLite
        Of the subordinate.
    rng : random.Random
    longest_pause : int
        Cycles before any of the handshakes, at most; 0: as fast as the rules allow.
    """

    def __init__(self, bus, rng: random.Random, longest_pause: int = 3):
        self.bus = bus
        self.rng = rng
        self.longest_pause = longest_pause

    def _pause(self) -> int:
        return self.rng.randint(0, self.longest_pause)

    async def write(
        self, ctx: SimulatorContext, address: int, data: int, strobes: int = 0xF
    ) -> int:
        """Write a word; returns the response. Address and data start in any order."""
        bus = self.bus
        starts = {"aw": self._pause(), "w": self._pause()}
        cycle = 0
        while starts:
            for channel, start in starts.items():
                if cycle >= start:
                    values = {"aw": {"awaddr": address}, "w": {"wdata": data, "wstrb": strobes}}
                    for name, value in values[channel].items():
                        ctx.set(getattr(bus, name), value)
                    ctx.set(getattr(bus, f"{channel}valid"), 1)
            _, _, aw_valid, aw_ready, w_valid, w_ready = await ctx.tick().sample(
                bus.awvalid, bus.awready, bus.wvalid, bus.wready
            )
            for channel, done in (("aw", aw_valid & aw_ready), ("w", w_valid & w_ready)):
                if done:
                    ctx.set(getattr(bus, f"{channel}valid"), 0)
                    del starts[channel]
            cycle += 1
        return (await self._take(ctx, "b", [bus.bresp]))[0]

    async def read(self, ctx: SimulatorContext, address: int) -> tuple[int, int]:
        """Read a word; returns (data, response)."""
        bus = self.bus
        for _ in range(self._pause()):
            await ctx.tick()
        ctx.set(bus.araddr, address)
        ctx.set(bus.arvalid, 1)
        ready = False
        while not ready:
            _, _, ready = await ctx.tick().sample(bus.arready)
        ctx.set(bus.arvalid, 0)
        data, response = await self._take(ctx, "r", [bus.rdata, bus.rresp])
        return data, response

    async def _take(self, ctx: SimulatorContext, channel: str, payload: list) -> list[int]:
        valid, ready = getattr(self.bus, f"{channel}valid"), getattr(self.bus, f"{channel}ready")
        for _ in range(self._pause()):
            await ctx.tick()
        ctx.set(ready, 1)
        for _ in range(100):
            _, _, taken, *values = await ctx.tick().sample(valid, *payload)
            if taken:
                ctx.set(ready, 0)
                return values
        raise AssertionError(f"no response on {channel} in 100 cycles")


def watch_responses(bus):
    """A process that asserts that B and R stay as they are until they are taken."""
    channels = (
        (bus.bvalid, bus.bready, (bus.bresp,)),
        (bus.rvalid, bus.rready, (bus.rdata, bus.rresp)),
    )

    async def watch(ctx: SimulatorContext) -> None:
        waiting: dict[int, list[int]] = {}
        signals = [s for valid, ready, payload in channels for s in (valid, ready, *payload)]
        async for _, reset, *values in ctx.tick().sample(*signals):
            rest = iter(values)
            for n, (_, _, payload) in enumerate(channels):
                valid, ready = next(rest), next(rest)
                now = [next(rest) for _ in payload]
                if n in waiting and not reset:
                    assert valid, "valid fell before ready"
                    assert now == waiting[n], "the payload changed while it waited"
                waiting.pop(n, None)
                if valid and not ready:
                    waiting[n] = now

    return watch


class AxiLiteMemory:
    """A subordinate that remembers words, with random pauses; it refuses some addresses.

    Parameters
    ----------
    bus : AxiLite
        Of the manager.
    rng : random.Random
    refused : set of int
        Addresses that are answered SLVERR.

    Attributes
    ----------
    words : dict of int to int
    log : list of (str, int)
        ``("w" or "r", address)`` of each transaction, in order.
    """

    def __init__(self, bus, rng: random.Random, refused: set[int], longest_pause: int = 3):
        self.bus, self.rng, self.refused = bus, rng, refused
        self.longest_pause = longest_pause
        self.words: dict[int, int] = {}
        self.log: list[tuple[str, int]] = []

    async def _pause(self, ctx: SimulatorContext) -> None:
        for _ in range(self.rng.randint(0, self.longest_pause)):
            await ctx.tick()

    async def _accept(self, ctx: SimulatorContext, channel: str, *payload) -> list[int]:
        valid, ready = getattr(self.bus, f"{channel}valid"), getattr(self.bus, f"{channel}ready")
        while not ctx.get(valid):
            await ctx.tick()
        await self._pause(ctx)
        ctx.set(ready, 1)
        _, _, taken, *values = await ctx.tick().sample(valid, *payload)
        assert taken, f"{channel}valid fell before {channel}ready"
        ctx.set(ready, 0)
        return values

    async def _respond(self, ctx: SimulatorContext, channel: str, **payload: int) -> None:
        valid, ready = getattr(self.bus, f"{channel}valid"), getattr(self.bus, f"{channel}ready")
        await self._pause(ctx)
        for name, value in payload.items():
            ctx.set(getattr(self.bus, name), value)
        ctx.set(valid, 1)
        taken = False
        while not taken:
            _, _, taken = await ctx.tick().sample(ready)
        ctx.set(valid, 0)

    async def writes(self, ctx: SimulatorContext) -> None:
        """A process that serves writes."""
        bus = self.bus
        while True:
            (address,) = await self._accept(ctx, "aw", bus.awaddr)
            data, strobes = await self._accept(ctx, "w", bus.wdata, bus.wstrb)
            assert strobes == 0xF
            self.log.append(("w", address))
            refused = address in self.refused
            if not refused:
                self.words[address] = data
            await self._respond(ctx, "b", bresp=2 if refused else 0)

    async def reads(self, ctx: SimulatorContext) -> None:
        """A process that serves reads."""
        while True:
            (address,) = await self._accept(ctx, "ar", self.bus.araddr)
            self.log.append(("r", address))
            refused = address in self.refused
            data = 0 if refused else self.words.get(address, 0)
            await self._respond(ctx, "r", rdata=data, rresp=2 if refused else 0)
