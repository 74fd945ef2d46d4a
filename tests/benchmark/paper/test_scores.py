"""Scores of generated images."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
import torch

from monai_genaug.benchmark.paper.scores import (
    SCORES,
    make_image,
    score_generator,
    score_image,
    summarise_scores,
)
from tests.helpers import blobs, build


def disc(size: int = 16, *, left: int = 4) -> torch.Tensor:
    label = torch.zeros(1, size, size, dtype=torch.int64)
    label[0, 4:12, left : left + 8] = 7
    return label


def as_image(label: torch.Tensor, *, channels: int = 1) -> torch.Tensor:
    return (0.1 + 0.8 * (label > 0).float()).expand(channels, *label.shape[1:])


def test_equal_images_have_perfect_scores():
    image = as_image(disc())
    scores = score_image(image, image, disc())
    assert list(scores) == list(SCORES)
    assert scores == pytest.approx(
        {"jaccard": 1, "dice": 1, "jaccard_mask": 1, "dice_mask": 1, "ssim": 1, "psnr": math.inf, "mae": 0}
    )


def test_overlaps_are_those_of_the_regions():
    real, made = as_image(disc(left=2)), as_image(disc(left=6))
    scores = score_image(real, made, disc(left=6))
    assert (scores["jaccard"], scores["dice"]) == pytest.approx((1 / 3, 1 / 2))
    assert (scores["jaccard_mask"], scores["dice_mask"]) == (1, 1)


def test_error_and_psnr_are_those_of_the_intensities():
    real = torch.zeros(1, 12, 12)
    scores = score_image(real, real + 0.1, disc(12, left=2))
    assert (scores["mae"], scores["psnr"]) == pytest.approx((0.1, 20.0), abs=1e-4)


@pytest.mark.parametrize(
    ("real", "made", "label", "expected"),
    [
        (False, False, False, (1, 1)),
        (True, False, True, (0, 0)),
        (False, True, False, (0, 0)),
        (True, False, False, (0, 1)),
    ],
    ids=["nothing anywhere", "nothing made", "made of nothing", "empty mask"],
)
def test_empty_regions_have_scores(real, made, label, expected):
    full, empty = as_image(disc()), torch.full((1, 16, 16), 0.3)
    mask = disc() if label else torch.zeros_like(disc())
    scores = score_image(full if real else empty, full if made else empty, mask)
    assert (scores["dice"], scores["dice_mask"]) == (scores["jaccard"], scores["jaccard_mask"]) == expected


def test_images_below_the_window_of_ssim_are_scored():
    image = torch.rand(1, 6, 9, generator=torch.Generator().manual_seed(1))
    assert score_image(image, image, image > 0.5)["ssim"] == pytest.approx(1)


def test_an_image_hangs_on_seed_and_name_alone():
    generator, item = build(), {"label": blobs((20, 24), 1), "name": "a"}
    first = make_image(generator, item, 3)
    torch.rand(5)
    assert torch.equal(first, make_image(generator, item, 3))
    assert not torch.equal(first, make_image(generator, item, 4))
    assert not torch.equal(first, make_image(generator, {**item, "name": "b"}, 3))


def test_a_generator_is_scored_image_by_image():
    items = [
        {"label": blobs((20, 24), number), "image": torch.rand(1, 20, 24), "name": f"n{number}"} for number in range(2)
    ]
    generator = build()
    rows = score_generator(generator, items, seed=0)
    assert [(row["number"], row["image"]) for row in rows] == [(0, "n0"), (1, "n1")]
    difference = make_image(generator, items[1], 0) - items[1]["image"]
    assert rows[1]["mae"] == pytest.approx(float(difference.abs().mean()))


def summary(values: dict[int, list[float]]) -> dict:
    rows = [
        {"seed": seed, "number": number, **dict.fromkeys(SCORES, value)}
        for seed, scores in values.items()
        for number, value in enumerate(scores)
    ]
    return summarise_scores(pd.DataFrame(rows))["psnr"]


def test_deviations_over_images_and_over_seeds_are_apart():
    found = summary({0: [1.0, 3.0], 1: [2.0, 6.0]})
    assert found["mean"] == 3.0
    assert found["std_images"] == pytest.approx(3 / math.sqrt(2))  # of 1.5 and 4.5
    assert found["std_seeds"] == pytest.approx(2 / math.sqrt(2))  # of 2 and 4
    assert found["n"] == 4


def test_infinite_scores_are_left_out_and_counted():
    found = summary({0: [math.inf, 20.0, 30.0]})
    assert (found["mean"], found["std_seeds"], found["n"]) == (25.0, None, 2)


def test_scores_that_are_all_infinite_have_no_mean_and_can_be_written():
    found = summary({0: [math.inf, math.inf]})
    assert found == {"mean": None, "std_images": None, "std_seeds": None, "n": 0}
    assert json.dumps(found, allow_nan=False)
