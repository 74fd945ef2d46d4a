"""Tests of what LabelDeformation does with pieces of one value, as instances and as classes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from scipy import ndimage

from monai_genaug.masks import InstanceBank, ProceduralLesions
from monai_genaug.masks.deformation import LabelDeformation
from monai_genaug.masks.instances import is_foreground
from tests.masks.test_deformation import OFF


def test_mirror_images_get_values_of_their_own():
    label = np.zeros((1, 32, 32), np.uint16)
    label[:, 10:16, 10:16] = 1
    new = LabelDeformation(instances=True, **{**OFF, "scale": (0.4, 0.4)}).set_random_state(0)(label)[0]
    assert sorted(np.unique(new)) == list(range(ndimage.label(new)[1] + 1))
    assert new.max() >= 4


def test_slivers_become_background_and_larger_pieces_instances():
    label = np.zeros((1, 30, 30), np.uint16)
    label[:, :10, :10] = 3  # 100 voxels
    label[:, 20:23, 20:22] = 3  # 6 voxels: more than a twentieth
    label[:, 28:30, 0:2] = 3  # 4 voxels: less
    label[:, 0, 20] = 9
    new = LabelDeformation(instances=True, **OFF).set_random_state(0)(label)[0]
    assert np.bincount(new.ravel()).tolist() == [900 - 107, 6, 0, 100, 0, 0, 0, 0, 0, 1]


def test_classes_keep_their_values_in_mirror_images():
    label = np.zeros((1, 32, 32), np.uint16)
    label[:, 10:16, 10:16] = 2
    new = LabelDeformation(**{**OFF, "scale": (0.4, 0.4)}, instances=False).set_random_state(0)(label)[0]
    assert np.unique(new).tolist() == [0, 2]
    assert ndimage.label(new)[1] >= 4


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8])
def test_refuses_a_dtype_without_room_for_new_instances(dtype):
    label = torch.zeros((1, 64, 64), dtype=dtype)
    label[:, ::3, ::3] = 1  # 484 separate voxels of one value
    with pytest.raises(ValueError, match="keep 0 and 1"):
        LabelDeformation(instances=True, **OFF)(label)


@pytest.mark.parametrize(
    ("pieces", "values", "found"),
    [(2, [1, 1], False), (3, [1, 1, 1], True), (3, [1, 2, 3], False), (3, [2, 2, 2], False), (0, [], False)],
    ids=["an object that was cut", "foreground", "objects", "a class", "nothing"],
)
def test_foreground_is_told_from_objects(pieces, values, found):
    label = np.zeros((10, 40), np.int64)
    for number, value in zip(range(pieces), values, strict=True):
        label[2:6, 10 * number : 10 * number + 5] = value
    assert is_foreground(label) is found


def test_slivers_make_no_foreground_of_an_object():
    label = np.zeros((20, 20), np.int64)
    label[:10, :10] = 1
    label[15, 15] = label[18, 2] = 1
    assert not is_foreground(label)


FITS = {"bank": partial(InstanceBank.fit, instances=False), "lesions": ProceduralLesions.fit}


def nested(core: int) -> np.ndarray:
    label = np.zeros((1, 30, 30), np.uint8)
    label[:, 5:20, 5:20] = 1
    label[:, 8:14, 8:14] = core
    return label


@pytest.mark.parametrize(
    "fit", [partial(InstanceBank.fit, instances=False), ProceduralLesions.fit], ids=["bank", "lesions"]
)
def test_classes_inside_others_are_told_of(fit):
    with pytest.warns(UserWarning, match="class 2 mostly lies inside of others"):
        fit([nested(2)])


@pytest.mark.parametrize(
    "fit", [partial(InstanceBank.fit, instances=False), ProceduralLesions.fit], ids=["bank", "lesions"]
)
@pytest.mark.filterwarnings("error")
def test_classes_beside_others_are_nothing_to_tell_of(fit):
    beside = nested(1)
    beside[:, 5:20, 20:25] = 2
    fit([beside])
