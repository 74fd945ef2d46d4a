"""`AnyImageReader` inside MONAI's loading transforms."""

from __future__ import annotations

from pathlib import Path

import monai.data
import monai.transforms
import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.transforms import Compose, EnsureChannelFirstd, LoadImage, LoadImaged

from monai_genaug.data import AnyImageReader, FormatError, load_datalist, read_array, write_array

AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])


def load(*keys: str) -> Compose:
    return Compose([LoadImaged(keys, reader=AnyImageReader()), EnsureChannelFirstd(keys)])


def test_name_is_none_of_monai() -> None:
    assert not hasattr(monai.data, "AnyImageReader")
    assert not hasattr(monai.transforms, "AnyImageReader")


def test_image_and_label_keep_rows_before_columns(tmp_path: Path) -> None:
    image = np.arange(3 * 4 * 6, dtype=np.uint8).reshape(3, 4, 6)
    label = np.arange(4 * 6, dtype=np.uint16).reshape(1, 4, 6) + 300
    item = {"image": write_array(tmp_path / "i.png", image), "label": write_array(tmp_path / "l.png", label)}
    out = load("image", "label")(item)
    np.testing.assert_array_equal(out["image"].numpy(), image)
    np.testing.assert_array_equal(out["label"].numpy(), label)
    assert out["image"].meta["original_channel_dim"] == 0


def test_volume_carries_its_affine(tmp_path: Path) -> None:
    file = write_array(tmp_path / "i.nii.gz", np.zeros((2, 3, 4, 5), np.float32), AFFINE)
    image = load("image")({"image": file})["image"]
    assert image.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(image.affine.numpy(), AFFINE)
    np.testing.assert_array_equal(image.meta["spatial_shape"], [3, 4, 5])
    assert image.meta["filename_or_obj"] == str(file)


def test_tiff_stack_is_a_volume(tmp_path: Path) -> None:
    stack = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(1, 2, 3, 4)
    out = load("image")({"image": write_array(tmp_path / "i.tif", stack)})
    np.testing.assert_array_equal(out["image"].numpy(), stack)


def test_matlab_source_and_mask_folder_load(real_data) -> None:
    fixture = f"{real_data('dipimage_v2_fixture.mat')}#images[1]"
    masks = load_datalist(real_data("dsb2018_layout"))["training"][0]["label"]
    out = load("image", "label")({"image": fixture, "label": masks})
    np.testing.assert_array_equal(out["image"].numpy(), read_array(fixture)[0])
    np.testing.assert_array_equal(out["label"].numpy(), read_array(masks)[0])


def test_several_files_become_channels(tmp_path: Path) -> None:
    files = [write_array(tmp_path / f"{i}.png", np.full((1, 2, 3), i, np.uint8)) for i in range(2)]
    image = load("image")({"image": files})["image"]
    np.testing.assert_array_equal(image[:, 0, 0].numpy(), [0, 1])


def test_several_files_of_different_size_raise(tmp_path: Path) -> None:
    files = [write_array(tmp_path / f"{i}.png", np.zeros((1, 2, 3 + i), np.uint8)) for i in range(2)]
    with pytest.raises(FormatError, match=r"1\.png has the spatial size \(2, 4\)"):
        LoadImage(reader=AnyImageReader())(files)


def test_damaged_file_raises_and_no_other_reader_of_monai_takes_it(tmp_path: Path) -> None:
    file = write_array(tmp_path / "i.nii.gz", np.random.default_rng(0).random((1, 20, 20, 20)).astype(np.float32))
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(FormatError, match=r"i\.nii\.gz cannot be read"):
        LoadImage(reader=AnyImageReader())(file)


def test_options_of_other_readers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="takes no options, got mmap"):
        AnyImageReader().read(tmp_path / "i.png", mmap=True)


def test_verify_suffix_knows_the_formats(tmp_path: Path) -> None:
    reader = AnyImageReader()
    assert reader.verify_suffix(["a.PNG", "b.mat#x[0]", tmp_path])
    assert not reader.verify_suffix(["a.png", "b.dcm"])


@pytest.mark.parametrize("workers", [0, 2])
def test_real_pairs_come_in_batches_from_workers(real_data, workers: int) -> None:
    items = load_datalist(real_data("dsb2018_fluorescence"))["training"][:4]
    loader = DataLoader(Dataset(items, load("image", "label")), batch_size=2, num_workers=workers)
    labels = torch.cat([batch["label"] for batch in loader])
    assert labels.shape == (4, 1, 256, 256)
    for item, label in zip(items, labels, strict=True):
        np.testing.assert_array_equal(label.numpy(), read_array(item["label"])[0])
