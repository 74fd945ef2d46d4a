"""Tests of putting a layout's objects into a map."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monai_genaug.masks.bank import InstanceBank
from monai_genaug.masks.bank.arrangement import arrange, name_objects
from monai_genaug.masks.bank.warps import copy_shape
from tests.masks.drawn import class_map, nuclei


@pytest.fixture(scope="module")
def bank() -> InstanceBank:
    return InstanceBank.fit([nuclei(seed) for seed in range(4)], touching=0.4)


def test_placements_say_where_each_copy_lies(bank):
    values = np.zeros((80, 90), np.int64)
    numbered, placed = arrange(bank.store, values, bank.draw(np.random.RandomState(0), values.shape))
    assert len(placed) > 5
    for place in placed:
        copy = copy_shape(bank.store.shape(place.source), place.warp)
        assert (copy.mask.shape, copy.low) == (place.sides, place.low)
        drawn = np.zeros((280, 290), bool)
        drawn[tuple(slice(c + 100, c + 100 + s) for c, s in zip(place.corner, place.sides, strict=True))] = copy.mask
        own = numbered == place.number
        assert (own <= drawn[100:180, 100:190]).all()
        assert own.sum() == drawn[100:180, 100:190].sum()  # balls stay in one piece where the border cuts them


def test_the_border_cuts_those_that_it_shall_and_no_others(bank):
    layout = bank.draw(np.random.RandomState(1), (200, 200))
    count = len(layout.objects)
    for cut in (True, False):
        plain = layout._replace(touch=np.zeros(count, bool), cut=np.full(count, cut))
        _, placed = arrange(bank.store, np.zeros((200, 200), np.int64), plain)
        beyond = [any(c < 0 or c + s > 200 for c, s in zip(p.corner, p.sides, strict=True)) for p in placed]
        assert len(placed) > 0.8 * count
        assert all(beyond) if cut else not any(beyond)


def test_an_object_larger_than_the_map_ends_in_it_or_is_left_out(bank):
    numbered, _ = arrange(bank.store, np.zeros((3, 4), np.int64), bank.draw(np.random.RandomState(0), (3, 4)))
    assert numbered.shape == (3, 4)


def test_numbers_begin_above_the_highest_value_however_high(bank):
    values = np.zeros((64, 64), np.int64)
    values[:4] = 2**40
    numbered, placed = arrange(bank.store, values, bank.draw(np.random.RandomState(0), values.shape))
    assert [place.number for place in placed] == [2**40 + 1 + k for k in range(len(placed))]
    assert np.unique(name_objects(bank.store, values, numbered, placed)).tolist() == [
        0,
        *range(1, len(placed) + 1),
        2**40,
    ]


def test_class_objects_get_their_class():
    bank = InstanceBank.fit([class_map(0, (6, 4))], instances=False)
    values = np.zeros((96, 96), np.int64)
    numbered, placed = arrange(bank.store, values, bank.draw(np.random.RandomState(0), values.shape))
    named = name_objects(bank.store, values, numbered, placed)
    for place in placed:
        assert (named[numbered == place.number] == bank.store.classes[place.source]).all()


def test_nothing_placed_leaves_the_map_as_it_is(bank):
    values = np.full((20, 20), 4, np.int64)
    numbered, placed = arrange(bank.store, values, bank.draw(np.random.RandomState(0), values.shape))
    assert placed == []
    assert np.array_equal(name_objects(bank.store, values, numbered, placed), values)


def test_the_same_layout_is_arranged_alike(bank):
    layout = bank.draw(np.random.RandomState(3), (96, 96))
    maps = [arrange(bank.store, np.zeros((96, 96), np.int64), layout)[0] for _ in range(2)]
    assert np.array_equal(*maps)
    assert not math.isclose(layout.seed, bank.draw(np.random.RandomState(4), (96, 96)).seed)
