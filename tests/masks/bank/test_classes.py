"""Tests of InstanceBank on class maps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from monai_genaug.masks.bank import InstanceBank
from tests.masks.drawn import class_map, regions


@pytest.fixture(scope="module")
def bank() -> InstanceBank:
    return InstanceBank.fit([class_map(seed, (10, 3)) for seed in range(5)], instances=False)


def shares(bank: InstanceBank, count: int = 25) -> float:
    """Share of the objects that are of class 2."""
    bank.set_random_state(seed=0)
    maps = [bank(np.zeros((1, 96, 96), np.uint8))[0] for _ in range(count)]
    found = [sum(regions(label == value) for label in maps) for value in (1, 2)]
    return found[1] / sum(found)


def test_class_maps_never_get_new_values(bank):
    for seed in range(10):
        new = bank.set_random_state(seed=seed)(np.zeros((1, 64, 80), np.float32))
        assert set(np.unique(new)) <= {0.0, 1.0, 2.0}


def test_class_values_need_not_be_consecutive():
    label = np.zeros((1, 40, 40), np.uint16)
    label[0, 10:16, 10:16], label[0, 25:30, 25:30] = 700, 9
    new = InstanceBank.fit([label], instances=False).set_random_state(seed=0)(label)
    assert set(np.unique(new)) == {0, 9, 700}


def test_classes_are_as_frequent_as_in_the_training_maps(bank):
    assert shares(bank) == pytest.approx(3 / 13, abs=0.05)


def test_rare_classes_can_be_made_equally_frequent(bank):
    assert shares(InstanceBank(bank.store, rare=1.0)) == pytest.approx(0.5, abs=0.07)


def test_objects_touch_those_of_other_classes(bank):
    touching = InstanceBank(bank.store, touching=1.0)
    beside = []
    for seed in range(5):
        new = touching.set_random_state(seed=seed)(np.zeros((1, 96, 96), np.uint8))[0]
        grown = ndimage.binary_dilation(new == 2, np.ones((3, 3)))
        beside.append((new[grown] == 1).any())
    assert all(beside)


def test_classes_apart_stay_apart(bank):
    for seed in range(5):
        new = bank.set_random_state(seed=seed)(np.zeros((1, 96, 96), np.uint8))[0]
        assert regions(new) == regions(new == 1) + regions(new == 2)


def test_kept_classes_stay_and_get_company(bank):
    label = np.zeros((1, 96, 96), np.uint8)
    label[0, 10:30, 10:30] = 2
    new = InstanceBank(bank.store, keep=True).set_random_state(seed=0)(label)
    assert (new[label > 0] == 2).all()
    assert (new[label == 0] > 0).any()


def test_a_map_with_one_lesion_gives_maps_with_one_lesion():
    label = np.zeros((1, 64, 64), np.uint8)
    label[0, 20:40, 25:50] = 1
    bank = InstanceBank.fit([label] * 3, instances=False).set_random_state(seed=0)
    for _ in range(10):
        new = bank(label)[0]
        assert regions(new) == 1
        assert not np.concatenate([new[0], new[-1], new[:, 0], new[:, -1]]).any()  # the border cuts none here either
