"""The table models against plain ones, each of them written down another way."""

from collections import OrderedDict, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sw.config import EngineConfig
from sw.configfile import load_config
from sw.images import load_images
from sw.part_configs import REPLACEMENTS, TableConfig
from sw.reuse import predict
from sw.tables import Table, lfsr_after


class PlainFifo:
    def __init__(self, ways):
        self.keys = deque(maxlen=ways)

    def misses(self, key, _random):
        if key in self.keys:
            return False
        self.keys.append(key)
        return True


class PlainLru:
    def __init__(self, ways):
        self.ways, self.keys = ways, OrderedDict()

    def misses(self, key, _random):
        missed = key not in self.keys
        self.keys[key] = None
        self.keys.move_to_end(key)
        if len(self.keys) > self.ways:
            self.keys.popitem(last=False)
        return missed


class PlainTree:
    """Half of the ways a child; it makes room in the half that was not used last."""

    def __init__(self, ways):
        self.key, self.ways = None, ways
        self.halves = [PlainTree(ways // 2), PlainTree(ways // 2)] if ways > 1 else []
        self.next = 0

    @property
    def keys(self):
        return {self.key} if self.ways == 1 else self.halves[0].keys | self.halves[1].keys

    def put(self, key):
        if self.ways == 1:
            self.key = key
            return
        self.halves[self.next].put(key)
        self.next = 1 - self.next

    def touch(self, key):
        for n, half in enumerate(self.halves):
            if key in half.keys:
                self.next = 1 - n
                half.touch(key)

    def misses(self, key, _random):
        if key in self.keys:
            self.touch(key)
            return False
        self.put(key)
        return True


class PlainRandom:
    def __init__(self, ways):
        self.slots = [None] * ways

    def misses(self, key, random):
        if key in self.slots:
            return False
        self.slots[random(len(self.slots))] = key
        return True


PLAIN = {"fifo": PlainFifo, "plru": PlainTree, "lru": PlainLru, "random": PlainRandom}


def shift_register():
    """Draws from the register as its polynomial has it, the first bits first."""
    bits = deque(int(bit) for bit in f"{0xACE1:016b}")

    def draw(count):
        drawn = int("".join(map(str, list(bits)[16 - count.bit_length() + 1 :])) or "0", 2)
        for _ in range(count.bit_length() - 1):
            bits.append(bits[0] ^ bits[1] ^ bits[3] ^ bits[12])
            bits.popleft()
        return drawn

    return draw


def plain_misses(config, values):
    """Whether each value misses."""
    sets = [PLAIN[config.replacement](config.set_entries) for _ in range(config.sets)]
    random = shift_register()
    return [sets[value % config.sets].misses(value, random) for value in values]


@st.composite
def table_configs(draw):
    replacement = draw(st.sampled_from(REPLACEMENTS))
    any_ways = [1, 2, 4, 8] if replacement in ("plru", "random") else range(1, 9)
    ways = draw(st.sampled_from(list(any_ways)))
    organisation = draw(st.sampled_from(["registers", "memory", "set_associative"]))
    sets = draw(st.sampled_from([1, 2, 8])) if organisation == "set_associative" else 1
    return TableConfig(
        entries=ways * sets, ways=ways, organisation=organisation, replacement=replacement
    )


@settings(max_examples=300)
@given(config=table_configs(), lo=st.sampled_from([0, -20]), data=st.data())
def test_misses_what_the_plain_one_misses(config, lo, data):
    values = data.draw(st.lists(st.integers(lo, lo + data.draw(st.integers(1, 40)))))
    table = Table(config)
    one_by_one = [bool(table.look_up(np.array([value]))) for value in values]
    assert one_by_one == plain_misses(config, values)
    at_once = Table(config)
    assert at_once.look_up(np.array(values, np.int64)) == sum(one_by_one)
    assert at_once.contents() == table.contents()


@pytest.mark.parametrize("replacement", REPLACEMENTS)
@pytest.mark.parametrize("entries", [1, 2, 16])
def test_a_large_table_of_each_kind(replacement, entries):
    """Long streams of many values, so that every way of every set is replaced often."""
    values = np.random.default_rng(entries).integers(0, 255, 4000, endpoint=True)
    config = TableConfig(
        entries=16 * entries, ways=16, organisation="set_associative", replacement=replacement
    )
    expected = sum(plain_misses(config, values.tolist()))
    assert Table(config).look_up(values) == expected
    assert 0 < expected < len(values)


def test_holds_its_values_by_slot():
    config = TableConfig(entries=4, ways=2, organisation="set_associative")
    table = Table(config)
    table.look_up(np.array([4, 3, 6, 8]))
    assert table.contents() == [8, 3, 6]  # the first ways of both sets, then the second


def test_the_shift_register_comes_round_after_all_states():
    state, period = lfsr_after(0xACE1, 1), 1
    while state != 0xACE1:
        state, period = lfsr_after(state, 1), period + 1
    assert period == 2**16 - 1


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_real_images(replacement):
    """Least recently used hits more often than first in first out, on images."""
    config = load_config(
        "cifar10-layer1",
        assignments=["table.organisation=set_associative", "table.entries=64"],
    )
    images = load_images("samples:cifar10:5", config)
    table = TableConfig(organisation="set_associative", entries=64, replacement=replacement)
    counters = predict(images, with_table(config, table))
    assert counters.lookups == 5 * 3 * 1024
    streams = images.transpose(1, 0, 2, 3).reshape(3, -1)
    assert counters.misses == sum(sum(plain_misses(table, stream.tolist())) for stream in streams)


def with_table(config, table):
    return EngineConfig(name=config.name, layer=config.layer, table=table)
