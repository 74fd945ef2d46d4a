"""What the report says and shows."""

from __future__ import annotations

import base64
import io

import jinja2
import numpy as np
import pandas as pd
import pytest
import torch
from monai.inferers import SimpleInferer
from PIL import Image
from torch import nn

from monai_genaug.benchmark.report import compare_arms, prediction_rows, synthetic_rows, verdict, write_report
from monai_genaug.benchmark.segmentation import Segmenter
from monai_genaug.benchmark.stats import PairedInterval
from monai_genaug.generators import load_generator
from tests.helpers import blobs, save_untrained


def items(count: int) -> list[dict]:
    return [
        {"image": torch.rand(1, 20, 24), "label": blobs((20, 24), i), "group": str(i), "name": f"n{i}"}
        for i in range(count)
    ]


def decode(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (0.01, 0.05, "With synthetic pairs the U-Net scored higher on these test images, by 0.030 Dice."),
        (-0.05, -0.01, "With synthetic pairs the U-Net scored lower on these test images, by 0.030 Dice."),
        (-0.01, 0.05, "No gain is shown: the interval of the Dice difference contains 0."),
        (0.0, 0.05, "No gain is shown: the interval of the Dice difference contains 0."),
    ],
)
def test_the_verdict_follows_the_interval(low, high, sentence):
    mean = 0.03 if high > 0 else -0.03
    assert verdict(PairedInterval(mean, low, high, 9, "")) == sentence


def test_arms_are_paired_by_image_and_not_by_row():
    rows = [("without", i, f"g{i}", 0.1 * i, 0.0) for i in range(5)]
    rows += [("with", i, f"g{i}", 0.1 * i + 0.02, 0.0) for i in reversed(range(5))]
    scores = pd.DataFrame(rows, columns=["arm", "index", "group", "dice", "jaccard"])
    difference = compare_arms(scores, seed=0)[0].difference
    assert (difference.low, difference.high) == pytest.approx((0.02, 0.02))


def test_three_arms_are_refused():
    scores = pd.DataFrame({"arm": list("abc"), "index": 0, "group": "g", "dice": 1.0, "jaccard": 1.0})
    with pytest.raises(ValueError, match="scores hold 3 arms, expected 2"):
        compare_arms(scores, seed=0)


def test_synthetic_images_of_one_mask_differ_by_seed_and_repeat(tmp_path):
    generator = load_generator(save_untrained(tmp_path))
    rows, again = (synthetic_rows(items(1), generator, seed=4) for _ in range(2))
    captions = [figure.caption for figure in rows[0]]
    assert captions == ["mask", "real", "synthetic, seed 1", "synthetic, seed 2", "new mask", "synthetic, new mask"]
    pictures = [decode(figure.uri) for figure in rows[0]]
    assert all(picture.shape == (20, 24, 3) for picture in pictures)
    assert (pictures[2] != pictures[3]).any()
    assert (pictures[0] != pictures[4]).any()
    assert [figure.uri for figure in rows[0][2:]] == [figure.uri for figure in again[0][2:]]


@pytest.mark.parametrize(
    ("dice", "titles"),
    [
        ([0.9, 0.1, 0.5, 0.7, 0.3], ["worst of 5: n1", "median of 5: n2", "best of 5: n0"]),
        ([0.9, 0.2], ["worst of 2: n1", "median of 2: n0"]),
    ],
)
def test_worst_median_and_best_predictions_are_shown(dice, titles):
    networks = {arm: Segmenter(nn.Conv2d(1, 1, 3, padding=1), SimpleInferer()) for arm in ("a", "b")}
    scores = pd.concat(
        [pd.DataFrame({"arm": arm, "index": range(len(dice)), "dice": dice}) for arm in networks], ignore_index=True
    )
    rows = prediction_rows(items(len(dice)), networks, scores)
    assert [title for title, _ in rows] == titles
    worst = rows[0][1]
    assert [figure.caption for figure in worst] == [
        "test image",
        "true mask",
        f"a: Dice {min(dice):.3f}",
        f"b: Dice {min(dice):.3f}",
    ]


def test_a_page_with_a_missing_part_is_not_written(tmp_path):
    with pytest.raises(jinja2.UndefinedError):
        write_report(tmp_path / "report.html", source="x")
    assert list(tmp_path.iterdir()) == []
