"""Tests of classes of lesions: what is measured is what was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from monai_genaug.masks.instances import number_objects
from monai_genaug.masks.procedural.lesion_classes import LesionClass, check_shares, fit_lesions
from monai_genaug.masks.procedural.lesions import ProceduralLesions

SMOOTH = LesionClass(
    value=1, radius=12.0, radius_spread=0.3, roughness=0.04, center=(0.3, 0.5), center_spread=(0.1, 0.1)
)
SPIKED = LesionClass(
    value=3,
    radius=20.0,
    radius_spread=0.2,
    eccentricity=0.8,
    eccentricity_spread=0.08,
    roughness=0.12,
    roughness_spread=0.2,
    directions=((0.1, 0.0), (0.0, 0.9)),
    count=2.0,
)


@pytest.fixture(scope="module")
def fitted():
    sampler = ProceduralLesions.from_classes([SMOOTH, SPIKED], shares={(): 1, (1,): 2, (3,): 2}).set_random_state(
        seed=0
    )
    return fit_lesions([sampler(np.zeros((1, 192, 192), np.uint8)) for _ in range(200)])


def test_shares_of_the_classes_are_found_again(fitted):
    _, shares, dims = fitted
    assert dims == 2
    assert {values: round(share, 1) for values, share in shares.items()} == {(): 0.2, (1,): 0.4, (3,): 0.4}


@pytest.mark.parametrize(("number", "given"), [(0, SMOOTH), (1, SPIKED)], ids=["smooth", "spiked"])
def test_numbers_of_a_known_class_are_found_again(fitted, number, given):
    found = fitted[0][number]
    assert found.value == given.value
    for name in ("count", "radius", "radius_spread", "eccentricity", "roughness"):
        assert getattr(found, name) == pytest.approx(getattr(given, name), rel=0.15), name
    assert found.eccentricity_spread == pytest.approx(given.eccentricity_spread, abs=0.03)


def test_places_and_directions_are_found_again(fitted):
    smooth, spiked = fitted[0]
    assert smooth.center == pytest.approx((0.3, 0.5), abs=0.03)
    assert smooth.center_spread == pytest.approx((0.1, 0.1), abs=0.02)
    np.testing.assert_allclose(spiked.directions, SPIKED.directions, atol=0.08)
    np.testing.assert_allclose(smooth.directions, np.eye(2) / 2, atol=0.1)


def test_pieces_of_a_class_are_lesions_of_their_own():
    label = np.array([[1, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 2]])
    instances, classes = number_objects(label, instances=False)
    assert instances.tolist() == [[1, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 3]]
    assert classes.tolist() == [1, 2, 2]


def test_maps_that_hold_two_classes_are_told_from_those_with_one():
    both, one = np.zeros((2, 1, 32, 32), np.uint8)
    both[0, 4:9, 4:9], both[0, 20:24, 20:26], one[0, 4:9, 4:9] = 1, 2, 1
    assert fit_lesions([both, one, one, one])[1] == {(1, 2): 0.25, (1,): 0.75}


def test_values_of_an_organ_are_no_lesions():
    label = np.ones((1, 32, 32), np.uint8)
    label[0, 4:9, 4:9] = 2
    [found], shares, _ = fit_lesions([label], ignore=[1])
    assert found.value == 2
    assert shares == {(2,): 1.0}


def test_a_speck_hardly_changes_the_sizes():
    labels = np.zeros((12, 1, 64, 64), np.uint8)
    labels[:, 0, 10:30, 10:30] = 1
    plain = fit_lesions(labels)[0][0]
    labels[0, 0, 50, 50] = 1
    found = fit_lesions(labels)[0][0]
    assert found.radius == pytest.approx(plain.radius)
    assert found.radius_spread < 0.1


def test_labels_without_lesions_are_refused():
    with pytest.raises(ValueError, match="none of the 1 labels holds a lesion"):
        fit_lesions([np.zeros((1, 8, 8), np.uint8)])


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({(): -1.0, (1,): 2.0}, "expected weights >= 0"),
        ({(): 0.0}, "one at least above 0"),
        ({(1, 4): 1.0}, r"name the classes \[4\], but there are \[1\]"),
    ],
    ids=str,
)
def test_shares_that_cannot_be_are_refused(shares, message):
    with pytest.raises(ValueError, match=message):
        check_shares(shares, [1])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"value": 0}, "value is 0, expected a whole number from 1 on"),
        ({"value": 1.5}, "value is 1.5"),
        ({"count": 0.5}, "count is 0.5, expected at least 1"),
        ({"radius": -1.0}, "radius is -1.0"),
        ({"radius_spread": float("nan")}, "radius_spread is nan"),
        ({"eccentricity": 1.0}, "eccentricity is 1.0"),
        ({"roughness": 2.0}, "roughness is 2.0"),
        ({"lobes": 2}, "lobes is 2"),
        ({"center": (0.5, 0.5)}, "center and center_spread belong together"),
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        LesionClass(**numbers)
