"""Other weights for a network that is there: the words for its LOAD port."""

from __future__ import annotations

from collections.abc import Iterator

from sw.config import EngineConfig
from sw.config_error import ConfigError
from sw.register_model import DATA_BITS, WORD_BYTES
from sw.registers import register_map, setup_writes

from .config import NetworkConfig
from .graph import Conv, Dense, Layer
from .mac_words import bias_digits, mac_words, weight_bits
from .plan import EnginePlan, MacPlan, plans_of
from .registers import INDEX_BITS, LOAD_WORDS, computing, network_registers

__all__ = ["WINDOW_BITS", "load_words", "load_writes"]

WINDOW_BITS = 2
"""The highest of an engine's index: which of its windows, in their order."""


def load_words(config: NetworkConfig, built: NetworkConfig) -> Iterator[tuple[int, int]]:
    """(LOAD_ADDRESS, word) of all weights and biases of ``config``, in ascending order.

    Parameters
    ----------
    config : NetworkConfig
        Whose weights are loaded.
    built : NetworkConfig
        What was built: the same but for the weights and biases.

    Raises
    ------
    ConfigError
        If a layer is not the same, or a weight or bias takes more bits than were built.
    """
    pairs = zip(computing(config.network), computing(built.network), strict=True)
    for number, ((layer, was), how) in enumerate(zip(pairs, plans_of(built), strict=True)):
        base = number << INDEX_BITS
        if isinstance(layer, Conv | Dense) and isinstance(how, MacPlan):
            _check(layer, was)
            yield from ((base | index, word) for index, word in _mac(layer, how))
        elif isinstance(how, EnginePlan) and isinstance(layer, Conv):
            engine = config.engine(layer)
            _same(layer, was, engine.template_kernels.keys() == how.config.template_kernels.keys())
            yield from ((base | index, word) for index, word in _engine(engine))


def _same(layer: Layer, was: Layer, alike: bool) -> None:
    if not alike or (layer.input_shape, layer.output_shape) != (was.input_shape, was.output_shape):
        raise ConfigError(f"layer {layer.name}: not as it was built; its weights alone may differ")


def _check(layer: Conv | Dense, was: Layer) -> None:
    _same(layer, was, type(layer) is type(was))
    assert isinstance(was, Conv | Dense)
    for what, found, most in (
        ("a weight takes {} bits", weight_bits(layer), weight_bits(was)),
        ("a bias takes {} digits", bias_digits(layer), bias_digits(was)),
    ):
        if found != most:
            raise ConfigError(f"layer {layer.name}: {what.format(found)}, {most} were built")


def _mac(layer: Conv | Dense, plan: MacPlan) -> Iterator[tuple[int, int]]:
    words = mac_words(layer, plan)
    stride = 1 << (words.shape[1] - 1).bit_length()
    for n, row in enumerate(words.tolist()):
        yield from ((n * stride + lane, weight) for lane, weight in enumerate(row))


def _engine(engine: EngineConfig) -> Iterator[tuple[int, int]]:
    windows = register_map(engine).windows
    for address, word in setup_writes(engine):
        n = max(n for n, window in enumerate(windows) if window.offset <= address)
        index = (address - windows[n].offset) // WORD_BYTES
        yield n << (INDEX_BITS - WINDOW_BITS) | index, word


def load_writes(config: NetworkConfig, built: NetworkConfig) -> Iterator[tuple[int, int]]:
    """(byte address, data) that load them: LOAD_ADDRESS where need be, then words to LOAD."""
    registers = network_registers(built.network)
    at, first = registers.offset("LOAD_ADDRESS"), registers.offset("LOAD")
    expected, mask = -1, (1 << DATA_BITS) - 1
    sent = 0
    for place, word in load_words(config, built):
        if place != expected:
            yield at, place
            sent = 0
        yield first + WORD_BYTES * (sent % LOAD_WORDS), word & mask
        sent += 1
        expected = place + 1
