"""Checks of masks before the first image is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_genaug.data import FormatError, list_masks, write_array
from monai_genaug.masks import LabelDeformation, ProceduralLesions
from monai_genaug.store.checks import check_drawn, check_masks
from monai_genaug.store.masks import MaskSource
from tests.helpers import blobs, build


@pytest.fixture
def masks(tmp_path) -> Path:
    write_array(tmp_path / "masks/a.png", blobs((20, 24), 0).numpy().astype(np.uint8))
    write_array(tmp_path / "masks/b.png", 300 * blobs((17, 33), 1).numpy().astype(np.uint16))
    return tmp_path / "masks"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((1, 8, 8), 0.5, np.float32), r"c\.tif is no mask.*holds 0\.5"),
        (np.ones((3, 8, 8), np.uint8), r"c\.tif is no mask.*one channel"),
        (np.ones((1, 4, 8, 8), np.uint8), r"c\.tif is no mask.*2 spatial dims"),
        (np.full((1, 8, 8), -1, np.int16), r"c\.tif is no mask.*holds -1"),
    ],
    ids=["fractions", "colour", "volume", "negative"],
)
def test_a_file_that_is_no_mask_is_named(masks, array, message):
    write_array(masks / "c.tif", array)
    with pytest.raises(ValueError, match=message):
        check_masks(list_masks(masks), build())


def test_a_class_that_the_generator_does_not_know_is_named(masks):
    with pytest.raises(ValueError, match=r"b\.png is no mask.*value 600"):
        check_masks(list_masks(masks), build(num_classes=2))


def test_a_truncated_mask_is_named(masks):
    content = (masks / "b.png").read_bytes()
    (masks / "b.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError, match=r"b\.png cannot be read"):
        check_masks(list_masks(masks), build())


def test_a_mask_without_background_is_warned_of(tmp_path, caplog):
    write_array(tmp_path / "a.png", np.full((1, 8, 8), 7, np.uint8))
    check_masks(list_masks(tmp_path), build())
    assert "a.png has no background" in caplog.text


def test_an_image_in_the_folder_of_masks_is_refused(masks):
    noise = np.random.default_rng(0).integers(0, 200, (1, 20, 30)).astype(np.uint8)
    write_array(masks / "c.png", noise)
    with pytest.raises(ValueError, match=r"^\S*c\.png holds .* values, .*looks like an image, or a mask that was"):
        check_masks(list_masks(masks), build())


def test_a_mask_that_a_sampler_replaces_need_not_fit_the_generator(masks):
    check_masks(list_masks(masks), build(num_classes=2), ProceduralLesions())


def test_a_sampler_that_draws_now_and_then_is_enough():
    check_drawn(MaskSource([], (24, 24), seed=0, sampled=True), ProceduralLesions(none=0.5, radius=4.0))


def test_a_sampler_that_draws_nothing_is_refused():
    with pytest.raises(ValueError, match="LabelDeformation made no object in 32 empty masks, expected some"):
        check_drawn(MaskSource([], (24, 24), seed=0, sampled=True), LabelDeformation())
