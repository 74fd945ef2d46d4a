"""Tests of what is cut out of label maps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from monai_genaug.masks.bank.cutting import ENOUGH, cut_objects
from tests.masks.drawn import nuclei, touching_share


def cut(label, instances=True):
    return cut_objects([np.asarray(label)[None]], None, instances=instances)


def boxes(count: int, cut_by_border: bool) -> np.ndarray:
    """Map of 3 x 3 boxes, and one at the border."""
    label = np.zeros((8, 6 * count + 6), np.int32)
    for number in range(count):
        label[2:5, 6 * number + 2 : 6 * number + 5] = number + 1
    if cut_by_border:
        label[:2, -3:] = count + 1
    return label


@pytest.mark.parametrize(("count", "kept"), [(ENOUGH - 1, True), (ENOUGH, False)], ids=["few whole", "enough whole"])
def test_shapes_at_the_border_are_kept_only_where_whole_ones_are_few(count, kept):
    store = cut(boxes(count, True))
    assert store.kept.tolist() == [True] * count + [kept]
    assert store.counts.tolist() == [count + 1]
    assert store.cut[0] == pytest.approx(1 / (count + 1))


def test_whole_ones_are_counted_for_each_class():
    label = (boxes(ENOUGH + 2, True) > 0).astype(np.int32)
    label[2:5, :6] *= 2  # one whole object of class 2
    label[6:, :4] = 2  # and one that the border cuts
    store = cut(label, instances=False)
    at_border = np.isin(store.areas, [6, 8])
    assert store.kept[at_border].tolist() == [False, True]
    assert store.classes[at_border].tolist() == [1, 2]


def test_slivers_at_the_border_are_not_kept_for_whole_objects():
    label = boxes(3, True)
    label[0, :4] = 99  # 4 of 9 voxels
    store = cut(label)
    assert dict(zip(store.areas.tolist(), store.kept.tolist(), strict=True)) == {9: True, 6: True, 4: False}
    assert store.counts.tolist() == [5]  # they count all the same


def test_where_no_object_is_whole_the_larger_pieces_are_kept():
    label = np.zeros((8, 30), np.int32)
    label[:2, 2:7], label[:2, 10:13], label[0, 20:22] = 1, 2, 3  # 10, 6 and 2 voxels
    assert cut(label).kept.tolist() == [True, True, False]


def test_an_axis_of_one_voxel_has_no_border():
    label = nuclei(0, (48, 48), 4)[:, None]
    assert cut_objects([label], None, instances=True).cut[0] == cut_objects([label[:, 0]], None, instances=True).cut[0]


def test_diagonal_neighbours_touch():
    label = np.zeros((12, 12), int)
    label[2:4, 2:4], label[4:6, 4:6], label[8:10, 8:10] = 1, 2, 3
    assert cut(label).touching[0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_the_share_that_touches_is_that_of_a_plain_count(share):
    label = nuclei(3, touching=share)
    assert cut_objects([label], None, instances=True).touching[0] == pytest.approx(touching_share(label[0]))


def test_pieces_of_a_class_are_objects_and_keep_its_value():
    label = np.zeros((10, 10), int)
    label[1:3, 1:3] = label[6:8, 6:9] = 5
    label[1:3, 6:8] = 2
    store = cut(label, instances=False)
    assert store.classes.tolist() == [2, 5, 5]
    assert sorted(store.areas.tolist()) == [4, 4, 6]


def test_the_largest_piece_of_an_instance_is_the_object():
    label = np.zeros((12, 12), int)
    label[2:6, 2:6], label[9, 9] = 4, 4
    label[2:4, 8:10] = 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = cut(label)
    assert store.areas.tolist() == [16, 4]


def test_a_class_map_taken_for_instances_is_noticed():
    label = (nuclei(0) > 0).astype(np.uint8)
    with pytest.warns(UserWarning, match="most values lie in several pieces.*instances=False"):
        cut_objects([label], None, instances=True)


def test_sizes_may_differ_and_maps_without_objects_count():
    store = cut_objects([nuclei(0), np.zeros((1, 40, 30), int), nuclei(1, (64, 80), 3)], None, instances=True)
    assert store.sizes.tolist() == [[96, 96], [40, 30], [64, 80]]
    assert store.counts.tolist() == [12, 0, 3]
    assert store.touching.tolist() == [0, 0, 0]


def test_labels_may_come_one_by_one_as_arrays_and_tensors():
    labels = [nuclei(0), torch.from_numpy(nuclei(1)).float()]
    assert cut_objects(iter(labels), None, instances=True).counts.tolist() == [12, 12]


@pytest.mark.parametrize("labels", [[], [np.zeros((1, 8, 8), int)]], ids=["no label", "no object"])
def test_labels_without_objects_are_refused(labels):
    with pytest.raises(ValueError, match=f"hold no object in {len(labels)} maps"):
        cut_objects(labels, None, instances=True)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.ones((8, 8), int), r"labels\[1\] has shape \(8, 8\), expected one channel"),
        (np.ones((2, 8, 8), int), r"labels\[1\] has shape \(2, 8, 8\)"),
        (
            np.ones((1, 8, 8, 8), int),
            r"labels\[1\] is 3D, labels\[0\] is 2D, expected all 2D or all 3D",
        ),
        (np.full((1, 8, 8), 0.5), r"labels\[1\] holds 0.5"),
    ],
    ids=["no channel", "channels", "other dimensions", "fractions"],
)
def test_a_label_that_is_none_is_named(label, message):
    with pytest.raises(ValueError, match=message):
        cut_objects([nuclei(0), label], None, instances=True)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([np.zeros((1, 96, 96)), np.zeros((1, 96, 95))], r"images\[1\] has shape \(1, 96, 95\)"),
        ([np.zeros((1, 96, 96)), np.zeros((3, 96, 96))], r"images\[1\] has shape \(3, 96, 96\), expected \(1,"),
        ([np.zeros((1, 96, 96)), np.full((1, 96, 96), 255)], r"images\[1\] goes from 255 to 255.*scale_to_unit"),
        ([np.full((1, 96, 96), np.nan)] * 2, r"images\[0\] goes from nan"),
        ([np.zeros((1, 96, 96))], "shorter"),
    ],
    ids=["size", "channels", "range", "NaN", "number"],
)
def test_images_that_do_not_fit_are_named(images, message):
    with pytest.raises(ValueError, match=message):
        cut_objects([nuclei(0), nuclei(1)], images, instances=True)
