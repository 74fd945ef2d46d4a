"""Scores of masks, pixel by pixel and object by object."""

from __future__ import annotations

import pytest
import torch
from monai.inferers import SimpleInferer
from torch import nn

from monai_genaug.benchmark.grid.scores import SCORES, score_masks, score_segmenter
from monai_genaug.benchmark.segmentation import Segmenter


def label() -> torch.Tensor:
    values = torch.zeros(1, 20, 20, dtype=torch.int64)
    values[0, 2:8, 2:8] = 3
    values[0, 2:8, 8:14] = 9  # touches the first
    return values


def test_a_perfect_mask_is_perfect_but_for_objects_that_touch():
    scores = score_masks(label() > 0, label())
    assert {scores[name] for name in ("dice", "jaccard", "surface_distance")} == {1.0}
    assert scores["hausdorff95"] == 0.0
    assert scores["f1"] == pytest.approx(2 * 1 / (1 + 2))  # one piece, which has an IoU of 0.5 with each
    assert score_masks(label() > 0, label(), instances=False)["f1"] == 1.0


def test_a_shifted_mask_has_the_scores_worked_by_hand():
    real = torch.zeros(1, 20, 20, dtype=torch.int64)
    real[0, 5:15, 5:15] = 1
    scores = score_masks(torch.roll(real, 2, dims=2) > 0, real, tolerance=2.0)
    assert scores["dice"] == pytest.approx(0.8)
    assert scores["jaccard"] == pytest.approx(80 / 120)
    assert scores["aggregated_jaccard"] == pytest.approx(80 / 120)
    assert scores["hausdorff95"] == pytest.approx(2.0)
    assert (scores["surface_distance"], scores["f1"]) == (1.0, 1.0)


def test_where_nothing_is_and_nothing_is_found_all_is_well():
    empty = torch.zeros(1, 9, 9, dtype=torch.int64)
    scores = score_masks(empty > 0, empty)
    assert {name: value for name, value in scores.items() if name != "hausdorff95"} == dict.fromkeys(
        (name for name in SCORES if name != "hausdorff95"), 1.0
    )
    assert scores["hausdorff95"] == 0.0


@pytest.mark.parametrize("found", [True, False])
def test_where_one_is_empty_all_is_wrong(found):
    masks = [torch.zeros(1, 6, 8, dtype=torch.int64), torch.ones(1, 6, 8, dtype=torch.int64)]
    real, predicted = masks if found else masks[::-1]
    scores = score_masks(predicted > 0, real)
    assert scores.pop("hausdorff95") == 10.0  # the diagonal
    assert set(scores.values()) == {0.0}


def test_volumes_are_scored_too():
    real = torch.zeros(1, 8, 9, 10, dtype=torch.int64)
    real[0, 2:5, 2:6, 2:7] = 4
    assert score_masks(real > 0, real) == {**dict.fromkeys(SCORES, 1.0), "hausdorff95": 0.0}


def test_a_segmenter_is_scored_image_by_image_in_their_order():
    network = nn.Conv2d(1, 1, 1)
    network.weight.data.fill_(1.0)
    network.bias.data.fill_(-0.5)
    bright = label() > 0
    items = [{"image": image.float(), "label": label()} for image in (bright, ~bright, bright)]
    scores = score_segmenter(Segmenter(network, SimpleInferer()), items, instances=True, tolerance=1.0)
    assert scores["dice"] == [1.0, 0.0, 1.0]
    assert set(scores) == set(SCORES)
