"""Batches: every image once, augmented as stated, and the same for the same seed and epoch."""

import numpy as np
import pytest

from sw.cli import InputError
from sw.data import Dataset
from sw.train.data import Augmentation, Batches, load_pair, to_input
from sw.train.options import Options

NONE = Augmentation(shift=0, flip=False)


def numbered(count: int) -> Dataset:
    """Images that are their own number, in a frame of 4x5 with 2 channels."""
    images = np.repeat(np.arange(count, dtype=np.uint8), 40).reshape(count, 2, 4, 5)
    return Dataset(images, np.arange(count, dtype=np.uint8) % 10, "numbers")


def batches(data, augmentation=NONE, seed=0, batch=4) -> Batches:
    return Batches(data, batch=batch, augmentation=augmentation, seed=seed)


def whole(source, epoch) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*source.epoch(epoch), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def test_an_epoch_has_each_image_once_with_its_label():
    images, labels = whole(batches(numbered(12)), 1)
    numbers = images[:, 0, 0, 0]
    assert sorted(numbers) == list(range(12))
    assert np.array_equal(numbers % 10, labels)
    assert images.shape == (12, 4, 5, 2)


def test_what_is_left_over_is_dropped():
    source = batches(numbered(11))
    assert len(source) == 2
    assert len(whole(source, 1)[0]) == 8


def test_seed_and_epoch_decide(photographs):
    augmentation = Augmentation(shift=4, flip=True)
    first = batches(photographs, augmentation)
    again = batches(photographs, augmentation)
    other = batches(photographs, augmentation, seed=1)
    list(first.epoch(1))  # what was drawn before has no say
    assert np.array_equal(whole(first, 2)[0], whole(again, 2)[0])
    assert not np.array_equal(whole(first, 1)[0], whole(first, 2)[0])
    assert not np.array_equal(whole(first, 1)[0], whole(other, 1)[0])


def test_shifts_and_mirrors_are_all_there_are():
    image = np.arange(20, dtype=np.uint8).reshape(1, 1, 4, 5) + 1
    data = Dataset(np.repeat(image, 400, axis=0), np.zeros(400, np.uint8), "one image")
    source = batches(data, Augmentation(shift=1, flip=True), batch=400)
    found = {frame[..., 0].tobytes() for frame in whole(source, 1)[0]}
    padded = np.pad(image[0, 0], 1)
    shifted = [padded[r : r + 4, c : c + 5] for r in range(3) for c in range(3)]
    expected = {frame.tobytes() for s in shifted for frame in (s, s[:, ::-1])}
    assert found == expected


def test_inputs_are_fractions_in_units_of_the_engine():
    inputs = to_input(np.array([[[[0], [1]], [[128], [255]]]], dtype=np.uint8))
    assert inputs.shape == (1, 1, 2, 2)
    assert (inputs * 256).flatten().tolist() == [0, 1, 128, 255]


def test_data_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"python -m sw.data mnist"):
        load_pair(Options.of("mnist"), str(tmp_path))
