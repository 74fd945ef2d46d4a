from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.data import MetaTensor

from monai_genaug.metrics.surface import normalized_surface_distance

SIZES = [(5, 6), (3, 4, 5)]
IDS = ["2D", "3D"]


def surface(mask: np.ndarray) -> list[tuple[int, ...]]:
    """List the voxels of a mask that have a neighbour outside of it, or beyond the image."""
    inside = {tuple(voxel) for voxel in np.argwhere(mask).tolist()}
    steps = [step for step in product((-1, 0, 1), repeat=mask.ndim) if sum(map(abs, step)) == 1]
    return [
        v for v in inside if any(tuple(a + b for a, b in zip(v, step, strict=True)) not in inside for step in steps)
    ]


def by_brute_force(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> float:
    ours, theirs = surface(found), surface(wanted)
    if not ours or not theirs:
        return float(not ours and not theirs)
    near = sum(
        min(math.dist(voxel, other) for other in others) <= tolerance
        for voxels, others in ((ours, theirs), (theirs, ours))
        for voxel in voxels
    )
    return near / (len(ours) + len(theirs))


def of(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> float:
    tensors = (torch.from_numpy(mask)[None, None] for mask in (found, wanted))
    return normalized_surface_distance(*tensors, tolerance=tolerance).item()


@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_it_is_the_share_of_surface_voxels_near_the_other_surface_by_brute_force(size):
    @settings(max_examples=40, deadline=None)
    @given(arrays(bool, (2, *size)), st.sampled_from([0, 0.5, 1, math.sqrt(2), math.sqrt(3), 2]))
    def check(masks, tolerance):
        assert of(*masks, tolerance) == pytest.approx(by_brute_force(*masks, tolerance))

    check()


def test_a_moved_square_has_the_share_worked_out_by_hand():
    found, wanted = np.zeros((2, 9, 9), bool)
    found[2:5, 2:5] = wanted[2:5, 3:6] = True
    # 8 surface voxels each, of which 4 are in both, in the upper and lower rows; the others are one voxel off
    assert of(found, wanted, 0) == pytest.approx(8 / 16)
    assert of(found, wanted, 1) == 1


def test_a_distance_of_just_the_tolerance_is_accepted():
    found, wanted = np.zeros((2, 8, 8), bool)
    found[1, 1] = wanted[4, 5] = True
    assert of(found, wanted, 5) == 1
    assert of(found, wanted, 4.99) == 0


@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_empty_masks_agree_with_each_other_and_with_nothing_else(size):
    empty, full = np.zeros(size, bool), np.ones(size, bool)
    pairs = [(empty, empty), (empty, full), (full, empty), (full, full)]
    assert [of(a, b, 100) for a, b in pairs] == [1, 0, 0, 1]


def test_the_edge_of_the_image_is_a_surface_of_a_mask_that_fills_it():
    full, half = np.ones((2, 4, 4), bool)
    half[:, 2:] = False
    # the full one: 12 surface voxels, of which 6 on the half one's; the half one: 8, of which 6
    assert of(full, half, 0) == pytest.approx(12 / 20)


def test_rows_and_channels_have_values_of_their_own():
    found, wanted = torch.zeros(2, 2, 3, 6, 6)[0], torch.zeros(2, 3, 6, 6)
    found[0, 1, 2, 2] = wanted[0, 1, 2, 2] = 1  # equal
    wanted[0, 2, 2, 2] = 1  # missed
    found[1, 0, 0, 0] = wanted[1, 0, 5, 5] = 1  # far off
    assert normalized_surface_distance(found, wanted, tolerance=1).tolist() == [[1, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize(
    "convert",
    [torch.Tensor.bool, torch.Tensor.byte, torch.Tensor.double, MetaTensor],
    ids=["bool", "byte", "f8", "meta"],
)
def test_binary_masks_of_any_type_give_a_plain_float_tensor(convert):
    mask = torch.zeros(1, 1, 5, 5)
    mask[..., 1:3, 1:4] = 1
    score = normalized_surface_distance(convert(mask), mask, tolerance=0)
    assert type(score) is torch.Tensor
    assert score.dtype == torch.float32
    assert score.tolist() == [[1]]


@pytest.mark.parametrize(
    ("shape", "other"), [((1, 1, 4, 4), (1, 1, 4, 5)), ((4, 4), (4, 4)), ((1, 4, 4), (1, 4, 4))], ids=str
)
def test_masks_of_wrong_or_different_shapes_are_refused(shape, other):
    with pytest.raises(ValueError, match="expected two equal ones"):
        normalized_surface_distance(torch.zeros(shape), torch.zeros(other), tolerance=1)


@pytest.mark.parametrize("value", [0.5, -1, 2, math.nan], ids=str)
@pytest.mark.parametrize("which", ["y_pred", "y"])
def test_masks_that_are_not_binary_are_refused(value, which):
    masks = {"y_pred": torch.zeros(1, 1, 4, 4), "y": torch.zeros(1, 1, 4, 4)}
    masks[which][0, 0, 1, 1] = value
    with pytest.raises(ValueError, match=f"^{which} holds"):
        normalized_surface_distance(**masks, tolerance=1)


@pytest.mark.parametrize("tolerance", [-1, math.nan, math.inf], ids=str)
def test_a_tolerance_that_is_no_distance_is_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance is"):
        normalized_surface_distance(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4), tolerance=tolerance)
