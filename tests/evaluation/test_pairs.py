"""Images beside the real image of their mask, and beside each other."""

from __future__ import annotations

import pytest
import torch

from monai_genaug.evaluation.pairs import compare_pairs, compare_samples, group_by_mask
from monai_genaug.metrics import score_images
from tests.evaluation.drawn import textures
from tests.helpers import blobs


def test_means_are_those_of_the_pairs():
    real, synthetic = textures(3), textures(2, seed=1)
    found = compare_pairs(real, synthetic, {0: 2, 1: 0})
    scores = [
        score_images(real[2]["image"], synthetic[0]["image"]),
        score_images(real[0]["image"], synthetic[1]["image"]),
    ]
    for key, mean in found.means.items():
        assert mean.mean == pytest.approx(sum(score[key] for score in scores) / 2)
        assert mean.n == 2
    assert (found.n, found.unequal) == (2, 0)


def test_equal_images_have_an_infinite_psnr_that_is_counted_and_left_out():
    real = textures(2)
    found = compare_pairs(real, [real[0], *textures(1, seed=1)], {0: 0, 1: 1}).means["psnr"]
    assert (found.n, found.infinite) == (1, 1)


def test_images_of_other_size_than_their_real_one_are_counted_and_left_out():
    found = compare_pairs(textures(2), [*textures(1, (40, 40)), *textures(1, seed=1)], {0: 0, 1: 1})
    assert (found.n, found.unequal) == (1, 1)
    with pytest.raises(ValueError, match="none of 1 synthetic images has the size"):
        compare_pairs(textures(1), textures(1, (40, 40)), {0: 0})


def test_images_are_of_one_mask_where_their_labels_are_equal():
    labels = [blobs((48, 48), seed) for seed in (0, 1, 0)]
    items = [{**item, "label": label} for item, label in zip(textures(3), labels, strict=True)]
    assert [len(group) for group in group_by_mask(items, {0: 0, 1: 0, 2: 1})] == [2]


def test_empty_masks_tell_nothing():
    items = [{**item, "label": torch.zeros(1, 48, 48, dtype=torch.int64)} for item in textures(2)]
    assert group_by_mask(items, {}) == []


def test_at_most_eight_images_of_a_mask_are_compared():
    items = [{**item, "label": None} for item in textures(10)]
    assert [len(group) for group in group_by_mask(items, dict.fromkeys(range(10), 0))] == [8]


def test_equal_samples_have_no_diversity():
    image = textures(1)[0]["image"]
    mean = compare_samples([[image, image], [image, image, image]])
    assert (mean.mean, mean.n) == (pytest.approx(0.0, abs=1e-6), 2)
