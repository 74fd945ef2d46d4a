from __future__ import annotations

import pytest
import torch
from monai.metrics import compute_hausdorff_distance
from scipy import ndimage

from monai_genaug.metrics import BoundedHausdorffDistance, dice_and_jaccard, hausdorff_distance


def box(size: tuple[int, ...], low: int, high: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, *size)
    mask[(slice(None), slice(None), *(slice(low, high) for _ in size))] = 1
    return mask


def surface(mask: torch.Tensor) -> torch.Tensor:
    inside = mask[0, 0].numpy() > 0
    return torch.nonzero(torch.from_numpy(inside & ~ndimage.binary_erosion(inside))).float()


@pytest.mark.parametrize("size", [(20, 24), (10, 12, 14)], ids=["2D", "3D"])
def test_it_is_the_percentile_of_the_surface_distances_by_brute_force(size):
    a, b = box(size, 1, 5), box(size, 4, 9)
    distances = torch.cdist(surface(a), surface(b))
    expected = max(torch.quantile(distances.amin(dim=axis), 0.95).item() for axis in (0, 1))
    assert hausdorff_distance(a, b).item() == pytest.approx(expected, rel=1e-4)


def test_the_hundredth_percentile_is_monais_hausdorff_distance():
    a, b = box((20, 20), 2, 9), box((20, 20), 5, 17)
    expected = compute_hausdorff_distance(a, b, include_background=True).item()
    assert hausdorff_distance(a, b, percentile=100).item() == pytest.approx(expected)


def test_empty_masks_are_perfect_together_and_a_diagonal_apart_alone():
    empty, full = torch.zeros(1, 1, 30, 40), box((30, 40), 3, 9)
    pairs = [(empty, empty), (empty, full), (full, empty), (full, full)]
    assert [hausdorff_distance(a, b).item() for a, b in pairs] == [0.0, 50.0, 50.0, 0.0]


def test_the_metric_averages_over_batches_and_forgets_when_reset():
    metric = BoundedHausdorffDistance()
    empty, full = torch.zeros(1, 1, 30, 40), box((30, 40), 3, 9)
    metric(torch.cat((empty, full)), torch.cat((full, full)))
    metric(empty, empty)
    assert metric.aggregate().item() == pytest.approx(50 / 3)
    metric.reset()
    metric(empty, full)
    assert metric.aggregate().item() == 50.0


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="expected two equal ones"):
        BoundedHausdorffDistance()(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 5))


@pytest.mark.parametrize(("found", "there", "score"), [(0, 0, 1.0), (1, 0, 0.0), (0, 1, 0.0), (1, 1, 1.0)])
def test_dice_and_jaccard_are_defined_where_masks_are_empty(found, there, score):
    masks = (torch.full((1, 4, 4), value) for value in (found, 5 * there))
    assert dice_and_jaccard(*masks) == {"dice": score, "jaccard": score}
