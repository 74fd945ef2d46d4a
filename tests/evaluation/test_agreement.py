"""Masks that are found again."""

from __future__ import annotations

import pytest
import torch
from monai.inferers import SimpleInferer
from torch import nn

from monai_genaug.evaluation import agreement
from monai_genaug.evaluation.agreement import check_segmenter, compare_masks, score_masks
from monai_genaug.evaluation.items import check_items
from monai_genaug.training.segmenter import Segmenter
from tests.helpers import blobs


def pairs(count: int, *, dark: bool = False, size: tuple[int, ...] = (24, 30)):
    items = []
    for number in range(count):
        label = blobs(size, number)
        image = 0.2 + 0.6 * (label > 0)
        items.append({"image": 1 - image if dark else image, "label": label, "name": f"p{number}"})
    return check_items(items, name="synthetic")


class Threshold(nn.Module):
    """Finds what is brighter than one half."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.sum = nn.Conv2d(channels, 1, 1)
        nn.init.ones_(self.sum.weight)
        nn.init.constant_(self.sum.bias, -0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sum(x)


@pytest.mark.parametrize("dark", [False, True], ids=["bright", "dark"])
def test_otsu_finds_objects_on_the_side_where_they_are(dark):
    items = pairs(3, dark=dark)
    found = compare_masks(items, items, segmenter=None)
    assert found.method.endswith("objects being " + ("dark" if dark else "bright"))
    for means in (found.synthetic, found.real):
        assert [(means[key].mean, means[key].n) for key in ("dice", "jaccard", "hd95")] == [(1, 3), (1, 3), (0, 3)]


def test_a_segmenter_is_used_where_there_is_one():
    items = pairs(2)
    items[1]["image"] = items[1]["image"] * 0.5  # below the network's threshold, not below Otsu's
    found = compare_masks([], items, segmenter=Segmenter(Threshold(), SimpleInferer()))
    assert (found.method, found.real) == ("the trained network", None)
    assert [row["dice"] for row in found.images] == [1.0, 0.0]
    assert found.synthetic["dice"].std == pytest.approx(0.5**0.5)


def test_only_images_with_masks_count():
    items = pairs(3)
    items[0]["label"] = None
    found = compare_masks([], items)
    assert [row["name"] for row in found.images] == ["p1", "p2"]


def test_scores_of_masks_are_those_of_their_overlap():
    found, wanted = torch.zeros(1, 8, 8, dtype=torch.bool), torch.zeros(1, 8, 8, dtype=torch.bool)
    found[0, :4], wanted[0, 2:6] = True, True
    assert score_masks(found, wanted) == pytest.approx({"dice": 0.5, "jaccard": 1 / 3, "hd95": 2.0})
    empty = torch.zeros_like(found)
    assert score_masks(empty, empty) == {"dice": 1.0, "jaccard": 1.0, "hd95": 0.0}


def test_volumes_need_a_segmenter():
    with pytest.raises(ValueError, match="Otsu's threshold is for 2D images"):
        compare_masks([], pairs(1, size=(8, 8, 8)))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(agreement, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="scikit-image is missing"):
        compare_masks([], pairs(1))


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 8, 8, 8)], ids=["channels", "volume"])
def test_a_segmenter_of_other_images_is_refused(shape):
    with pytest.raises(ValueError, match=f"cannot take images of {shape[0]} channels and {len(shape) - 1} dim"):
        check_segmenter(Segmenter(Threshold(), SimpleInferer()), torch.zeros(shape))
