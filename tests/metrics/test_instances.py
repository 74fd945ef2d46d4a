from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.data import MetaTensor
from scipy import ndimage

from monai_genaug.metrics.instances import InstanceScores, score_instances, separate_objects

SIZES = [(4, 6), (2, 3, 4)]
IDS = ["2D", "3D"]
SMALL = settings(max_examples=80, deadline=None)


def row(*values: int) -> np.ndarray:
    return np.array([values])


def objects(values: np.ndarray) -> list[set[int]]:
    """List the voxels of each object, in the order in which the objects begin."""
    flat = values.ravel().tolist()
    return [{i for i, other in enumerate(flat) if other == value} for value in dict.fromkeys(flat) if value]


def overlap(a: set[int], b: set[int]) -> Fraction:
    return Fraction(len(a & b), len(a | b))


def most_pairs(true: list[set[int]], predicted: list[set[int]], iou: float) -> int:
    """Try every one-to-one matching."""
    if not true:
        return 0
    rest = true[1:]
    tries = [most_pairs(rest, predicted, iou)]
    for i, found in enumerate(predicted):
        if float(overlap(true[0], found)) >= iou:
            tries.append(1 + most_pairs(rest, predicted[:i] + predicted[i + 1 :], iou))
    return max(tries)


def aggregated_jaccard(true: list[set[int]], predicted: list[set[int]]) -> float:
    """Follow algorithm 1 of Kumar et al. 2017 line by line."""
    correct = union = 0
    used = set()
    for wanted in true:
        best = max(range(len(predicted)), key=lambda k: overlap(wanted, predicted[k]))  # the first of equal ones
        if overlap(wanted, predicted[best]):
            correct += len(wanted & predicted[best])
            union += len(wanted | predicted[best])
            used.add(best)
        else:
            union += len(wanted)
    union += sum(len(found) for k, found in enumerate(predicted) if k not in used)
    return correct / union


def by_brute_force(predicted: np.ndarray, label: np.ndarray, iou: float) -> InstanceScores:
    found, true = objects(predicted), objects(label)
    if not found or not true:
        score = float(not found and not true)
        return InstanceScores(score, score, len(true), len(found), 0)
    matched = most_pairs(true, found, iou)
    f1 = 2 * matched / (len(true) + len(found))
    return InstanceScores(f1, aggregated_jaccard(true, found), len(true), len(found), matched)


def discs(distance: int) -> np.ndarray:
    """Draw two discs of radius 10, the first around (20, 18)."""
    y, x = np.indices((41, 64))
    return ((y - 20) ** 2 + (x - 18) ** 2 <= 100) | ((y - 20) ** 2 + (x - 18 - distance) ** 2 <= 100)


@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_scores_are_those_of_loops_over_all_objects_and_matchings(size):
    @SMALL
    @given(arrays(np.int64, (2, *size), elements=st.integers(0, 4)), st.sampled_from([0.01, 0.2, 1 / 3, 0.5, 0.7, 1]))
    def check(maps, iou):
        assert score_instances(*maps, iou=iou) == pytest.approx(by_brute_force(*maps, iou))

    check()


@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_the_numbers_of_the_objects_do_not_matter(size):
    @SMALL
    @given(
        arrays(np.int64, (2, *size), elements=st.integers(0, 4)),
        st.lists(st.integers(1, 2**40), min_size=8, max_size=8, unique=True),
    )
    def check(maps, numbers):
        renamed = (np.array([0, *new])[values] for new, values in zip((numbers[:4], numbers[4:]), maps, strict=True))
        assert score_instances(*renamed, iou=0.2) == score_instances(*maps, iou=0.2)

    check()


def test_equal_maps_are_perfect_in_plain_numbers():
    label = row(4, 7, 7, 5, 9, 2, 2)  # without background
    scores = score_instances(label, label, iou=1)
    assert scores == (1, 1, 5, 5, 5)
    assert [type(score) for score in scores] == [float, float, int, int, int]


def test_one_prediction_over_two_true_objects_serves_both_in_the_jaccard_but_matches_one():
    # C = 2 + 2, U = 4 + 4; IoU 0.5 with each
    assert score_instances(row(1, 1, 1, 1), row(1, 1, 2, 2)) == pytest.approx((2 / 3, 0.5, 2, 1, 1))


def test_pieces_of_a_true_object_that_it_does_not_take_add_to_the_union():
    # C = 3, U = 4 + 1
    assert score_instances(row(1, 2, 2, 2), row(1, 1, 1, 1)) == pytest.approx((2 / 3, 3 / 5, 1, 2, 1))


def test_missed_and_invented_objects_add_to_the_union():
    # C = 2, U = 3 (first pair) + 1 (missed) + 2 (invented)
    scores = score_instances(row(1, 1, 0, 0, 0, 2, 2), row(3, 3, 3, 0, 4, 0, 0))
    assert scores == pytest.approx((2 / 4, 2 / 6, 2, 2, 1))


def test_of_predictions_with_equal_overlap_the_one_that_begins_first_counts_whatever_its_number():
    label = row(1, 1, 1, 1, 1, 1, 0, 0, 0)
    # IoU 2/6 and 3/9: C = 2, U = 6 + 6
    for first, second in ((1, 2), (2, 1)):
        predicted = row(first, first, 0, *[second] * 6)
        assert score_instances(predicted, label).aggregated_jaccard == pytest.approx(2 / 12)


def test_matches_are_as_many_as_possible_rather_than_the_best_ones_first():
    label = row(*[1] * 10, *[2] * 5)
    predicted = row(*[1] * 2, *[2] * 11, 0, 0)
    # IoU of (1, 2) is 8/13, of (1, 1) 2/10 and of (2, 2) 3/13: the best pair would leave one match only
    assert score_instances(predicted, label, iou=0.2).f1 == 1
    assert score_instances(predicted, label, iou=0.5).matched == 1


@pytest.mark.parametrize(("iou", "matched"), [(0.6, 1), (0.61, 0)], ids=str)
def test_an_overlap_of_just_the_threshold_matches(iou, matched):
    assert score_instances(row(1, 1, 1, 0, 0), row(1, 1, 1, 1, 1), iou=iou).matched == matched


def test_empty_maps_agree_with_each_other_and_with_nothing_else():
    empty, one = np.zeros((1, 4), int), row(0, 3, 3, 0)
    assert score_instances(empty, empty) == (1, 1, 0, 0, 0)
    assert score_instances(one, empty) == (0, 0, 0, 1, 0)
    assert score_instances(empty, one) == (0, 0, 1, 0, 0)
    assert score_instances(row(3, 0, 0, 0), one) == (0, 0, 1, 1, 0)  # no voxel in common


@pytest.mark.parametrize(
    "convert",
    [
        lambda values: torch.from_numpy(values)[None].float(),
        lambda values: MetaTensor(values[None]),
        lambda values: values.astype("u2"),
        lambda values: values.astype(">i4"),
        lambda values: values[::-1, ::-1].copy()[::-1, ::-1],
        lambda values: values.tolist(),
    ],
    ids=["float channel", "MetaTensor", "uint16", "big-endian", "reversed view", "list"],
)
@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_maps_of_whole_numbers_may_have_any_type_and_a_channel(convert, size):
    rng = np.random.default_rng(3)
    predicted, label = rng.integers(0, 4, (2, *size))
    expected = score_instances(predicted, label, iou=0.1)
    assert score_instances(convert(predicted), label, iou=0.1) == expected
    assert score_instances(predicted, convert(label), iou=0.1) == expected


@pytest.mark.parametrize("value", [0.5, -1, float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("which", ["predicted", "label"])
def test_values_that_number_no_object_are_refused(value, which):
    maps = {"predicted": np.zeros((3, 3)), "label": np.zeros((3, 3))}
    maps[which][1, 1] = value
    with pytest.raises(ValueError, match=f"^{which} holds"):
        score_instances(**maps)


@pytest.mark.parametrize("values", [np.full((2, 2), "a"), np.zeros((2, 2), complex)], ids=["text", "complex"])
def test_maps_of_no_numbers_are_refused(values):
    with pytest.raises(ValueError, match="predicted is of type"):
        score_instances(values, np.zeros((2, 2), int))


@pytest.mark.parametrize("shape", [(), (4,), (2, 1, 4, 4), (1, 1, 1, 4, 4)], ids=str)
def test_maps_that_are_no_image_are_refused(shape):
    with pytest.raises(ValueError, match=r"predicted has shape .* expected \(\*S\) or \(1, \*S\)"):
        score_instances(np.zeros(shape, int), np.zeros(shape, int))
    with pytest.raises(ValueError, match="mask has shape"):
        separate_objects(torch.zeros(shape))


def test_maps_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 4\) and \(4, 3\), expected equal ones"):
        score_instances(np.zeros((3, 4), int), np.zeros((4, 3), int))


@pytest.mark.parametrize("iou", [0, -0.1, 1.01, float("nan")], ids=str)
def test_a_threshold_that_no_pair_or_every_pair_would_reach_is_refused(iou):
    with pytest.raises(ValueError, match="iou is"):
        score_instances(row(1, 0), row(1, 0), iou=iou)


def test_objects_that_touch_at_a_corner_are_one():
    mask = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]])
    assert separate_objects(mask).tolist() == [[1, 0, 0, 0, 2], [0, 1, 0, 0, 2], [0] * 5, [3, 0, 0, 0, 0]]


def test_objects_of_a_volume_connect_across_slices():
    mask = torch.zeros(1, 3, 3, 4)
    mask[0, 0, 0, 0] = mask[0, 1, 1, 1] = 1  # touch at a corner
    mask[0, 0, 0, 3] = mask[0, 2, 0, 3] = 1  # a slice apart
    expected = np.zeros((3, 3, 4), int)
    expected[0, 0, 0] = expected[1, 1, 1] = 1
    expected[0, 0, 3], expected[2, 0, 3] = 2, 3
    found = separate_objects(mask)
    assert found.dtype == np.int64
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("watershed", [False, True], ids=["components", "watershed"])
@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_masks_without_background_or_foreground_have_one_or_no_object(watershed, size):
    if watershed:
        pytest.importorskip("skimage")
    assert separate_objects(np.zeros(size, bool), watershed=watershed).max() == 0
    assert np.array_equal(separate_objects(np.ones(size, bool), watershed=watershed), np.ones(size))


def test_touching_discs_are_cut_half_way_by_the_watershed_only():
    pytest.importorskip("skimage")
    assert separate_objects(discs(18)).max() == 1
    cut = separate_objects(discs(18), watershed=True)
    assert sorted({cut[20, 18], cut[20, 36]}) == [1, 2]
    sizes = np.bincount(cut.ravel())[1:]
    assert abs(sizes[0] - sizes[1]) <= 21  # the column half-way belongs to one of them


def test_maxima_nearer_than_the_least_distance_are_one_object():
    pytest.importorskip("skimage")
    assert separate_objects(discs(18), watershed=True, min_distance=17).max() == 2
    assert separate_objects(discs(18), watershed=True, min_distance=19).max() == 1


def test_touching_balls_are_cut_too():
    pytest.importorskip("skimage")
    axes = np.indices((15, 15, 26))
    balls = [sum((axis - c) ** 2 for axis, c in zip(axes, (7, 7, x), strict=True)) <= 36 for x in (7, 18)]
    cut = separate_objects(balls[0] | balls[1], watershed=True)
    assert sorted({cut[7, 7, 7], cut[7, 7, 18]}) == [1, 2]


def test_a_straight_bar_has_one_flat_maximum_and_is_not_cut():
    pytest.importorskip("skimage")
    bars = np.zeros((20, 40), bool)
    bars[3, 2:38] = bars[8:14, 4:36] = True
    assert separate_objects(bars, watershed=True).max() == 2


@pytest.mark.parametrize("min_distance", [1, 3], ids=str)
@pytest.mark.parametrize("size", [(7, 9), (4, 5, 6)], ids=IDS)
def test_the_watershed_leaves_no_voxel_out_and_no_object_in_pieces(size, min_distance):
    pytest.importorskip("skimage")

    @SMALL
    @given(arrays(bool, size))
    def check(mask):
        cut = separate_objects(mask, watershed=True, min_distance=min_distance)
        assert np.array_equal(cut > 0, mask)
        assert np.array_equal(np.unique(cut[mask]), np.arange(1, cut.max() + 1))
        assert all(ndimage.label(cut == value, np.ones((3,) * mask.ndim))[1] == 1 for value in range(1, cut.max() + 1))

    check()


def test_without_scikit_image_components_are_found_and_the_watershed_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    assert separate_objects(discs(18)).max() == 1
    with pytest.raises(ValueError, match=r"pip install 'monai_genaug\[metrics\]'"):
        separate_objects(discs(18), watershed=True)


@pytest.mark.parametrize("value", [255, 2, -1, 0.5, float("nan")], ids=str)
def test_masks_that_are_not_binary_are_refused(value):
    with pytest.raises(ValueError, match=r"^mask holds"):
        separate_objects(np.array([[0, value]]))


@pytest.mark.parametrize("min_distance", [0, -3], ids=str)
def test_a_least_distance_under_one_voxel_is_refused(min_distance):
    with pytest.raises(ValueError, match="min_distance"):
        separate_objects(np.zeros((4, 4), bool), watershed=True, min_distance=min_distance)
