"""Masks that a trained network finds in a folder of images."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_genaug.data import read_array, write_array
from monai_genaug.training import MaskWriter, list_images


def finished(path, mask: torch.Tensor) -> SimpleNamespace:
    image = MetaTensor(torch.zeros_like(mask), meta={"filename_or_obj": str(path)})
    return SimpleNamespace(state=SimpleNamespace(batch=[{"image": image}], output=[{"pred": mask}]))


def test_images_of_a_folder_are_listed_by_name(tmp_path):
    for name in ("b.png", "a.tif"):
        write_array(tmp_path / name, np.ones((1, 4, 4), np.uint8))
    assert [item["image"].rsplit("/", 1)[1] for item in list_images(tmp_path)] == ["a.tif", "b.png"]


def test_a_folder_without_images_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="is empty, expected files such as"):
        list_images(tmp_path)


def test_masks_of_planes_are_pngs_of_zero_and_one(tmp_path):
    mask = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    MaskWriter(tmp_path / "masks")(finished(tmp_path / "case.7.png", mask))
    found = read_array(tmp_path / "masks/case.7.png")[0]
    assert found.dtype == np.uint8
    assert np.array_equal(found, mask.numpy())


def test_masks_of_volumes_keep_the_affine(tmp_path):
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    image = write_array(tmp_path / "case.nii.gz", np.zeros((1, 3, 4, 5), np.float32), affine)
    mask = torch.zeros(1, 3, 4, 5)
    mask[0, 1] = 1
    MaskWriter(tmp_path / "masks")(finished(image, mask))
    found, meta = read_array(tmp_path / "masks/case.nii.gz")
    assert np.array_equal(found, mask.numpy())
    assert np.array_equal(meta["affine"], affine)
