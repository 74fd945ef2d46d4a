"""Tests of ProceduralLesions: class maps with lesions where they may lie, by the numbers that were asked for."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monai_genaug.data import load_datalist, load_items
from monai_genaug.masks.digest import digest_sampler
from monai_genaug.masks.instances import number_objects
from monai_genaug.masks.procedural.lesion_classes import LesionClass
from monai_genaug.masks.procedural.lesions import ProceduralLesions, load_lesions
from monai_genaug.masks.statistics import ks_distance, measure_labels

EMPTY = np.zeros((1, 96, 96), np.uint8)


def sampled(sampler: ProceduralLesions, count: int = 20, label: np.ndarray = EMPTY) -> list[np.ndarray]:
    sampler.set_random_state(seed=0)
    return [sampler(label) for _ in range(count)]


@settings(max_examples=40, deadline=None)
@given(
    size=st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple),
    dtype=st.sampled_from(["bool", "uint8", "int32", "float32", ">i2"]),
    roughness=st.floats(0, 0.3),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_size_gives_a_class_map(size, dtype, roughness, seed):
    label = np.zeros((1, *size), dtype)
    new = ProceduralLesions(radius=5.0, roughness=roughness).set_random_state(seed=seed)(label)
    assert (new.shape, new.dtype) == (label.shape, label.dtype)
    assert set(np.unique(new)) <= {0, 1}
    assert ndimage.label(new[0] > 0, structure=np.ones((3,) * len(size)))[1] <= 1


def test_lesions_do_not_touch_one_another():
    for label in sampled(ProceduralLesions(radius=6.0, radius_spread=0.1, count=5.0), 10):
        pieces, _ = number_objects(label[0].astype(int), instances=False)
        assert not measure_labels([pieces[None]]).objects.touches.any()


@pytest.mark.parametrize("none", [0.0, 0.4, 1.0])
def test_maps_without_a_lesion_are_as_frequent_as_asked_for(none):
    empty = [not label.any() for label in sampled(ProceduralLesions(none=none, radius=5.0), 200)]
    assert np.mean(empty) == pytest.approx(none, abs=0.08)


def test_lesions_lie_within_the_map_if_there_is_room():
    found = measure_labels(sampled(ProceduralLesions(radius=10.0), 40))
    assert len(found.objects.area) == 40
    assert found.objects.cut.mean() < 0.1


def test_classes_have_their_own_sizes_and_come_as_often_as_asked_for():
    classes = [LesionClass(value=2, radius=4.0), LesionClass(value=5, radius=16.0)]
    maps = sampled(ProceduralLesions.from_classes(classes, shares={(2,): 3, (5,): 1}), 100)
    values = np.array([label.max() for label in maps])
    assert np.mean(values == 5) == pytest.approx(0.25, abs=0.1)
    areas = np.array([np.count_nonzero(label) for label in maps])
    assert np.median(areas[values == 5]) > 6 * np.median(areas[values == 2])


def test_two_classes_can_lie_in_one_map():
    classes = [LesionClass(value=1, radius=5.0), LesionClass(value=2, radius=5.0)]
    for label in sampled(ProceduralLesions.from_classes(classes, shares={(1, 2): 1.0}), 5):
        assert np.unique(label).tolist() == [0, 1, 2]


def test_lesions_stay_in_the_organ_and_the_rest_is_kept():
    label = np.zeros((1, 96, 96), np.uint8)
    label[0, 20:60, 30:90], label[0, 70:80, 10:20], label[0, 30:35, 40:50] = 3, 9, 1
    healed = np.where(label == 1, 3, label)
    for new in sampled(ProceduralLesions(value=1, where=3, radius=7.0), 10, label):
        assert (new == 1).any()
        np.testing.assert_array_equal(np.where(new == 1, 3, new), healed)


def test_without_the_organ_the_label_stays_as_it_is():
    label = np.full((1, 32, 32), 4, np.uint8)
    np.testing.assert_array_equal(ProceduralLesions(where=3).set_random_state(seed=0)(label), label)


def test_lesions_in_a_small_organ_are_left_out_rather_than_cut_to_pieces():
    label = np.zeros((1, 64, 64), np.uint8)
    label[0, 30:33, 30:33] = 2
    for new in sampled(ProceduralLesions(where=2, radius=15.0, radius_spread=0.0), 5, label):
        np.testing.assert_array_equal(new, label)


def test_result_depends_on_the_seed_alone():
    used = ProceduralLesions(count=3.0).set_random_state(seed=1)
    used(EMPTY)
    again = pickle.loads(pickle.dumps(used)).set_random_state(seed=5)(EMPTY)
    np.testing.assert_array_equal(again, ProceduralLesions(count=3.0).set_random_state(seed=5)(EMPTY))
    assert len({label.tobytes() for label in sampled(ProceduralLesions(), 10)}) == 10


def test_a_volume_of_one_slice_gets_what_a_plane_gets():
    plane = ProceduralLesions().set_random_state(seed=0)(EMPTY)
    volume = ProceduralLesions().set_random_state(seed=0)(EMPTY[:, None])
    np.testing.assert_array_equal(volume[:, 0], plane)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"where": 1}, r"where is 1, expected label values >= 0 that are none of the lesions' own \[1\]"),
        ({"where": ()}, r"where is \(\)"),
        ({"where": -2}, "where is -2"),
        ({"none": 1.2}, "none is 1.2"),
        ({"shares": {(7,): 1.0}}, r"name the classes \[7\]"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ProceduralLesions.from_classes([LesionClass()], **settings)


def test_classes_must_differ_and_be_there():
    with pytest.raises(ValueError, match="two classes have the value 1"):
        ProceduralLesions.from_classes([LesionClass(), LesionClass()])
    with pytest.raises(ValueError, match="classes is empty"):
        ProceduralLesions.from_classes([])


def test_a_sampler_of_planes_refuses_volumes():
    fitted = ProceduralLesions.fit(sampled(ProceduralLesions(), 3))
    with pytest.raises(ValueError, match="label has 3 spatial dimensions, the sampler was fitted to 2"):
        fitted(np.zeros((1, 16, 16, 16), np.uint8))


def test_volumes_are_fitted_and_sampled():
    label = np.zeros((1, 40, 40, 40), np.uint8)
    drawn = sampled(ProceduralLesions(value=2, radius=6.0, radius_spread=0.1, count=2.0), 6, label)
    fitted = ProceduralLesions.fit(drawn)
    assert fitted.classes[2].radius == pytest.approx(6.0, rel=0.1)
    assert all((new == 2).any() for new in sampled(fitted, 3, label))


def test_a_saved_sampler_gives_the_same_maps(tmp_path: Path):
    classes = [LesionClass(value=1, radius=5.0), LesionClass(value=2, center=(0.5, 0.5), center_spread=(0.1, 0.1))]
    sampler = ProceduralLesions.from_classes(classes, shares={(): 1, (1, 2): 2, (2,): 1}, spatial_dims=2, where=[0, 4])
    sampler.save(tmp_path / "lesions.json")
    again = load_lesions(tmp_path / "lesions.json")
    assert (again.shares, again.where, again.spatial_dims) == (sampler.shares, (0, 4), 2)
    assert again.classes == sampler.classes
    assert digest_sampler(again) == digest_sampler(sampler)
    for one, other in zip(sampled(sampler), sampled(again), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("wrong", [{"shares": 3}, {"shares": None}, {"where": [1]}, {"speed": 1}], ids=str)
def test_damaged_settings_are_named(tmp_path: Path, wrong):
    ProceduralLesions().save(tmp_path / "lesions.json")
    content = json.loads((tmp_path / "lesions.json").read_text())
    content["settings"].update(wrong)
    (tmp_path / "lesions.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"lesions\.json holds settings that cannot be"):
        load_lesions(tmp_path / "lesions.json")


def test_lesions_fitted_to_real_ones_follow_them(real_data):
    labels = [item["label"] for item in load_items(load_datalist(real_data("busi"))["training"])]
    made = sampled(ProceduralLesions.fit(labels), 150, labels[0].numpy())
    for value in (1, 2):
        real, new = (
            measure_labels(
                [
                    number_objects((np.asarray(label) == value)[0].astype(int), instances=False)[0][None]
                    for label in maps
                ]
            )
            for maps in (labels, made)
        )
        assert ks_distance(real.objects.area, new.objects.area) < 0.25
        assert ks_distance(real.objects.eccentricity, new.objects.eccentricity) < 0.25
        assert ks_distance(real.images.count, new.images.count) < 0.15
