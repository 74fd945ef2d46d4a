"""Lists of the masks of a folder."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from monai_genaug.data import list_masks, write_array
from tests.helpers import blobs


@pytest.fixture
def masks(tmp_path) -> Path:
    write_array(tmp_path / "masks/a.png", blobs((20, 24), 0).numpy().astype(np.uint8))
    write_array(tmp_path / "masks/b.png", 300 * blobs((17, 33), 1).numpy().astype(np.uint16))
    return tmp_path / "masks"


def test_a_missing_folder_of_masks_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere is no folder"):
        list_masks(tmp_path / "nowhere")


def test_a_folder_without_masks_is_named_with_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"holds notes\.txt, expected files"):
        list_masks(tmp_path)


def test_what_can_be_no_mask_is_left_out_and_told(masks, caplog):
    (masks / "notes.txt").touch()
    (masks / "old").mkdir()
    (masks / ".hidden.png").touch()
    with caplog.at_level(logging.WARNING):
        names = [item["name"] for item in list_masks(masks)]
    assert names == ["a", "b"]
    assert "left out notes.txt, old" in caplog.text


def test_two_masks_of_one_name_are_refused(masks):
    (masks / "a.nii.gz").touch()
    with pytest.raises(ValueError, match=r"a\.nii\.gz and a\.png, expected one file a name"):
        list_masks(masks)


def test_less_than_one_image_from_a_mask_is_refused(masks):
    with pytest.raises(ValueError, match="per_mask is 0"):
        list_masks(masks, per_mask=0)


def test_an_empty_folder_is_called_empty_and_by_its_setting(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^masks_dir /.* is empty, expected files such as a\.png"):
        list_masks(tmp_path, name="masks_dir")
    with pytest.raises(FileNotFoundError, match=r"^masks_dir /.*nowhere is no folder"):
        list_masks(tmp_path / "nowhere", name="masks_dir")
