"""sw.session: right outputs over a bad line, and clear words for everything else."""

import dataclasses
import itertools

import numpy as np
import pytest

from sw import reference
from sw.configfile import load_config
from sw.line import Link, LinkError
from sw.packing import pack_images
from sw.registers import setup_writes
from sw.session import Session, WrongEngineError
from sw.spec import SpecError
from tests.sw.fake_board import FakeBoard


@pytest.fixture
def config():
    return load_config("tiny", assignments=["bias_bits=9"])


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (6, 2, 6, 7))


def session(board, config, *, timeout=0.0, attempts=200):
    link = Link(port=board, timeout=timeout, attempts=attempts, baud=10**9)
    return Session(link, config)


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.03])
def test_outputs_over_a_noisy_line(config, images, noise):
    board = FakeBoard(config, images, noise=noise, seed=3)
    host = session(board, config)
    host.begin()
    assert board.written == dict(setup_writes(config))
    y, counters = host.run(images)
    np.testing.assert_array_equal(y, reference.run(images, config))
    assert counters.frames == 0
    assert (host.link.repeated > 0) == (board.disturbed > 0) == (noise > 0)


def test_an_answer_that_is_there_when_time_is_up(config, images, monkeypatch):
    board = FakeBoard(config, images)
    host = session(board, config)
    times = itertools.count()
    monkeypatch.setattr("sw.line.time.monotonic", lambda: next(times))  # each look is late
    host.begin()
    assert host.link.repeated == 0


def test_a_line_that_never_falls_silent(config, images):
    board = FakeBoard(config, images)
    board.read = lambda size=1: bytes(size)  # zeros: no packet
    board.line += bytes(100)
    with pytest.raises(LinkError, match="no answer"):
        session(board, config, attempts=3).begin()


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_other_weights_between_frames(config, images, noise, rng):
    board = FakeBoard(config, images, noise=noise, seed=4)
    host = session(board, config)
    host.begin()
    limits = config.layer.weight_format.range
    for _ in range(3):
        shape = config.learned_weight.shape
        weight = rng.integers(limits.lo, limits.hi, shape, endpoint=True)
        host.load_weights(weight)
        expected = reference.run(images, config.with_weights(weight))
        np.testing.assert_array_equal(host.run(images)[0], expected)


def test_a_refused_set_of_weights(config, images):
    board = FakeBoard(config, images)
    host = session(board, config)
    host.begin()
    board.order[3:5] = board.order[4:2:-1]  # this board expects another order
    with pytest.raises(LinkError, match="the engine refused a set of weights: begin the session"):
        host.load_weights(config.learned_weight)
    with pytest.raises(SpecError, match="weight: expected integers of shape"):
        host.load_weights(config.learned_weight[:1])


def test_a_second_session_begins_anew(config, images):
    board = FakeBoard(config, images)
    first = session(board, config)
    first.begin()
    frames = first._frames(pack_images(images, config), lambda _: None)
    next(frames)  # and then it is gone
    second = session(board, config)
    second.begin()
    np.testing.assert_array_equal(second.run(images)[0], reference.run(images, config))


def test_progress(config, images):
    done = []
    host = session(FakeBoard(config, images), config)
    host.begin()
    host.run(images, done.append)
    assert done == [1, 2, 3, 4, 5, 6]


def test_nothing_answers(config, images):
    board = FakeBoard(config, images, answers=False)
    with pytest.raises(LinkError, match=r"no answer to HELLO, sent 3 times .* is the board on"):
        session(board, config, attempts=3).begin()


def test_another_shape(config, images):
    other = load_config("tiny", assignments=["bias_bits=9", "table.entries=4"])
    with pytest.raises(WrongEngineError, match=r"ENTRIES .* is 4, expected 16 for tiny"):
        session(FakeBoard(other, images), config).begin()


def test_other_templates(config, images):
    weight = config.layer.weight.copy()
    weight[next(iter(config.template_kernels))] *= -1
    layer = dataclasses.replace(config.layer, weight=weight)
    other = dataclasses.replace(config, layer=layer)
    with pytest.raises(WrongEngineError, match="its shape is that of tiny, but not its templates"):
        session(FakeBoard(other, images), config).begin()


def test_another_protocol(config, images):
    board = FakeBoard(config, images)
    board.identity = b"\x09" + board.identity[1:]
    with pytest.raises(WrongEngineError, match="speaks version 09 of the protocol, not 1"):
        session(board, config).begin()


def test_a_bad_frame(config, images):
    board = FakeBoard(config, images)
    board.bad = 1
    host = session(board, config)
    host.begin()
    with pytest.raises(LinkError, match="frame 0: the engine marked it as too short or too long"):
        host.run(images)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_frame_of_the_wrong_size(config, images, change):
    board = FakeBoard(config, images)
    host = session(board, config)
    host.begin()
    board.known = {k: v[:change] if change < 0 else v + b"\0" for k, v in board.known.items()}
    with pytest.raises(LinkError, match=r"frame 0: \d+ bytes of outputs, expected \d+"):
        host.run(images)


def test_an_engine_that_stands_still(config, images):
    board = FakeBoard(config, images)
    board.known = dict.fromkeys(board.known, b"")
    board._exchange = lambda _packet: (b"\0", 0)
    host = session(board, config)
    host.begin()
    with pytest.raises(LinkError, match="frame 0: the engine stands still"):
        host.run(images)


def test_a_refused_register(config, images):
    board = FakeBoard(config, images)
    del board.words[board.table.offset("CYCLES_HI")]
    host = session(board, config)
    with pytest.raises(LinkError, match=r"reading CYCLES_HI at 0x08c: answered <Status.BUS: 2>"):
        host.counters()
