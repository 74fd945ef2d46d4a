"""Tests of what layouts hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monai_genaug.masks.bank.cutting import cut_objects
from monai_genaug.masks.bank.layouts import Composer, Layout
from monai_genaug.masks.bank.store import ObjectStore
from tests.masks.drawn import class_map, nuclei

DRAW = {"scale": (0.9, 1.1), "flip": 0.5, "bend": 0.3}
PLAIN = {"mix": 0.0, "small": 0.0, "rare": 0.0, "density": 1.0, "touching": None}


@pytest.fixture(scope="module")
def two_kinds() -> ObjectStore:
    """Five maps of few large objects, five of many small ones, and two without any."""
    few = [nuclei(seed, (128, 128), 4, 9) for seed in range(5)]
    many = [nuclei(seed, (128, 128), 20, 3, touching=0.6) for seed in range(5)]
    return cut_objects([*few, *many, *[np.zeros((1, 128, 128), int)] * 2], None, instances=True)


@pytest.fixture(scope="module")
def classes() -> ObjectStore:
    return cut_objects([class_map(seed, (12, 3)) for seed in range(6)] + [class_map(9, (2, 0))], None, instances=False)


def draw(store: ObjectStore, count: int, size: tuple[int, ...] = (128, 128), filled=False, **settings) -> list[Layout]:
    composer = Composer(store, **{**PLAIN, **settings})
    rng = np.random.RandomState(0)
    return [composer.draw(rng, size, (math.pi,), filled=filled, **DRAW) for _ in range(count)]


def test_number_and_sizes_go_together_as_in_one_map(two_kinds):
    for layout in draw(two_kinds, 40, mix=0.3):
        if len(layout.objects):
            large = two_kinds.areas[layout.objects] > 100
            assert large.all() if len(layout.objects) == 4 else not large.any()


def test_each_map_is_followed_equally_often_and_empty_ones_too(two_kinds):
    counts = [len(layout.objects) for layout in draw(two_kinds, 600)]
    assert set(counts) == {0, 4, 20}
    assert np.mean(np.array(counts) == 0) == pytest.approx(2 / 12, abs=0.05)
    assert np.mean(np.array(counts) == 4) == pytest.approx(5 / 12, abs=0.06)


def test_a_filled_layout_holds_an_object_at_least(two_kinds):
    assert min(len(layout.objects) for layout in draw(two_kinds, 100, size=(8, 8), density=0.1, filled=True)) == 1


def test_without_mixing_a_layout_holds_each_object_of_its_map_once(two_kinds):
    layout = next(layout for layout in draw(two_kinds, 20) if len(layout.objects) == 4)
    record = np.searchsorted(two_kinds.first, layout.objects[0], side="right") - 1
    own = np.arange(*two_kinds.first[record : record + 2])
    whole = own[two_kinds.kept[own]]
    assert set(whole) <= set(layout.objects) <= set(own)


def test_mixing_brings_objects_of_other_maps_with_alike_sizes(two_kinds):
    maps = np.repeat(np.arange(12), two_kinds.counts)
    layouts = [layout for layout in draw(two_kinds, 60, mix=1.0) if len(layout.objects) == 20]
    assert min(len(set(maps[layout.objects])) for layout in layouts) > 2


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (256, 200)], ids=str)
@pytest.mark.parametrize("density", [0.5, 2.0])
def test_the_number_follows_the_density_and_the_room_with_its_surroundings(size, density):
    store = cut_objects([nuclei(seed, (128, 128), 20, 3) for seed in range(4)], None, instances=True)
    reach = store.boxes[store.kept].mean(0)
    expected = 20 * density * np.prod((size + reach) / (128 + reach))
    counts = [len(layout.objects) for layout in draw(store, 200, size, density=density)]
    assert np.mean(counts) == pytest.approx(expected, rel=0.05)


def test_the_number_is_bounded_by_the_room(two_kinds):
    counts = [len(layout.objects) for layout in draw(two_kinds, 20, size=(32, 32), density=1e6)]
    assert max(counts) < 32 * 32


@pytest.mark.parametrize("small", [0.0, 0.5, 1.0])
def test_small_objects_are_as_frequent_as_asked(two_kinds, small):
    smallest = np.sort(two_kinds.areas[two_kinds.kept])[math.ceil(0.25 * two_kinds.kept.sum()) - 1]
    drawn = [np.concatenate([layout.objects for layout in draw(two_kinds, 200, small=s)]) for s in (0.0, small)]
    before, after = (np.mean(two_kinds.areas[objects] <= smallest) for objects in drawn)
    assert after == pytest.approx(before + small * (1 - before), abs=0.05)


@pytest.mark.parametrize(("rare", "share"), [(0.0, 18 / 92), (0.5, 0.330), (1.0, 0.5)])
def test_rare_classes_are_drawn_by_inverse_frequency(classes, rare, share):
    assert (np.count_nonzero(classes.classes == 2), len(classes)) == (18, 92)
    objects = np.concatenate([layout.objects for layout in draw(classes, 400, size=(96, 96), rare=rare, mix=0.3)])
    assert np.mean(classes.classes[objects] == 2) == pytest.approx(share, abs=0.025)


def test_small_objects_are_the_small_ones_of_their_class(classes):
    shares = []
    for small in (0.0, 1.0):
        objects = np.concatenate([layout.objects for layout in draw(classes, 300, size=(96, 96), small=small)])
        shares.append(np.mean(classes.classes[objects] == 2))
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


def test_touching_follows_the_maps_or_the_setting(two_kinds):
    of_maps = {len(layout.objects): layout.touch.mean() for layout in draw(two_kinds, 60) if len(layout.objects)}
    assert of_maps[4] == 0.0
    assert of_maps[20] > 0.0
    assert not any(layout.touch.any() for layout in draw(two_kinds, 40, touching=0.0))
    assert all(layout.touch.all() for layout in draw(two_kinds, 40, touching=1.0))


def test_objects_that_the_border_cuts_have_whole_stand_ins():
    labels = []
    for seed in range(4):
        label = nuclei(seed, (128, 128), 20, 3)
        label[:, :, :9] = 0
        label[0, 40:90, :8] = 50  # large, at the border
        labels.append(label)
    store = cut_objects(labels, None, instances=True)
    assert not store.kept[store.areas == 400].any()
    for layout in draw(store, 20):
        assert store.kept[layout.objects].all()
        assert len(layout.objects) in store.counts


def test_a_smaller_map_cuts_more_objects():
    labels = [nuclei(seed, (128, 128), 40, 4) for seed in range(3)]
    store = cut_objects(labels, None, instances=True)
    large, little = (
        np.concatenate([layout.cut for layout in draw(store, 200, size)]).mean() for size in ((128, 128), (48, 48))
    )
    assert large == pytest.approx(np.average(store.cut), abs=0.03)
    assert little > 1.5 * large


def test_the_largest_come_first(two_kinds):
    for layout in draw(two_kinds, 10):
        areas = two_kinds.areas[layout.objects] * np.array([warp.scale**2 for warp in layout.warps])
        assert (np.diff(areas) <= 1e-9).all()


def test_a_part_of_a_layout_keeps_what_belongs_together(two_kinds):
    layout = next(layout for layout in draw(two_kinds, 20) if len(layout.objects) == 20)
    part = layout.take(np.array([3, 11]))
    assert part.objects.tolist() == layout.objects[[3, 11]].tolist()
    assert part.warps == [layout.warps[3], layout.warps[11]]
    assert (part.touch.tolist(), part.seed) == (layout.touch[[3, 11]].tolist(), layout.seed)
