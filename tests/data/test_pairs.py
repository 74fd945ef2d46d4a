"""Files of synthetic pairs: formats and types that hold what is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_genaug.data import read_array, write_array, write_image, write_label, write_pair

AFFINE = np.array([[-1.5, 0, 0, 4], [0, 2.0, 0, 5], [0, 0, 3.0, 6], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("mask", "shape", "channels", "image"),
    [
        ("m.png", (6, 7), 3, "a.png"),
        ("m.PNG", (6, 7), 2, "a.tif"),
        ("m.tiff", (6, 7), 1, "a.tiff"),
        ("m.tif", (5, 6, 7), 1, "a.tif"),
        ("m.nii", (6, 7), 1, "a.nii"),
        ("m.nii.gz", (6, 7), 3, "a.png"),
        ("m.nii.gz", (5, 6, 7), 2, "a.nii.gz"),
    ],
)
def test_an_image_has_a_format_that_holds_it(tmp_path, mask, shape, channels, image):
    file = write_array(tmp_path / mask, np.ones((1, *shape), np.uint8))
    made = torch.linspace(0, 1, channels * int(np.prod(shape))).reshape(channels, *shape)
    paths = write_pair(tmp_path / "out", "a", made, file)
    assert [path.name for path in paths] == [image, mask.lower().replace("m", "a", 1)]
    found = read_array(paths[0])[0]
    scale = 1 if found.dtype == np.float32 else 255
    np.testing.assert_allclose(found / scale, made.numpy(), atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(("suffix", "label"), [(".mha", "a.mha"), (".mhd", "a.nii.gz")])
def test_metaimage_masks_give_nifti_images_at_their_place(tmp_path, suffix, label):
    import SimpleITK

    mask = SimpleITK.Image(4, 5, 6, SimpleITK.sitkUInt8)
    mask.SetSpacing((1.0, 2.0, 3.0))
    SimpleITK.WriteImage(mask, str(tmp_path / f"m{suffix}"))
    paths = write_pair(tmp_path / "out", "a", torch.rand(1, 4, 5, 6), tmp_path / f"m{suffix}")
    assert [path.name for path in paths] == ["a.nii.gz", label]
    (image, where), (copy, there) = (read_array(path) for path in paths)
    assert image.shape == copy.shape == (1, 4, 5, 6)
    np.testing.assert_allclose(where["affine"], np.diag([-1.0, -2.0, 3.0, 1.0]))
    np.testing.assert_allclose(there["affine"], where["affine"])


@pytest.mark.parametrize(
    ("like", "shape", "bits", "name", "dtype", "top"),
    [
        ("m.png", (1, 4, 6), None, "a.png", "uint8", 255),
        ("m.png", (1, 4, 6), 16, "a.png", "uint16", 65535),
        ("m.png", (3, 4, 6), 16, "a.tif", "uint16", 65535),
        ("m.png", (1, 4, 6), 32, "a.tif", "float32", 1),
        ("m.tif", (1, 4, 6), 16, "a.tif", "uint16", 65535),
        ("m.nii.gz", (1, 4, 6, 5), None, "a.nii.gz", "float32", 1),
        ("m.nii.gz", (1, 4, 6, 5), 8, "a.nii.gz", "uint8", 255),
        ("m.mha", (1, 4, 6, 5), 16, "a.nii.gz", "uint16", 65535),
        ("", (1, 4, 6, 5), None, "a.tif", "uint8", 255),
    ],
)
def test_bits_say_type_and_range_of_an_image(tmp_path, like, shape, bits, name, dtype, top):
    image = torch.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    path = write_image(tmp_path / "a", image, like=like, affine=AFFINE, bits=bits)
    found, meta = read_array(path)
    assert (path.name, found.dtype.name, found.max()) == (name, dtype, top)
    np.testing.assert_allclose(found / top, image.numpy(), atol=0.51 / max(top, 1e6) if top == 1 else 0.51 / top)
    np.testing.assert_allclose(meta["affine"], AFFINE if ".nii" in name else np.eye(4))


def test_another_number_of_bits_is_refused(tmp_path):
    with pytest.raises(ValueError, match="bits is 12, expected one of 8, 16, 32"):
        write_image(tmp_path / "a", torch.ones(1, 2, 2), like="m.png", affine=np.eye(4), bits=12)


@pytest.mark.parametrize(
    ("like", "highest", "given", "name", "dtype"),
    [
        ("m.png", 2, None, "a.png", "uint8"),
        ("m.png", 2, "uint16", "a.png", "uint16"),
        ("m.png", 256, "uint8", "a.png", "uint16"),
        ("m.png", 65536, "uint16", "a.tif", "int32"),
        ("m.nii.gz", 2, "int16", "a.nii.gz", "int16"),
        ("m.nii.gz", 2, "float64", "a.nii.gz", "uint8"),
        ("m.nii.gz", 40000, "int16", "a.nii.gz", "uint16"),
        ("m.nii", 70000, None, "a.nii", "int32"),
        ("m.bmp", 3, "uint8", "a.png", "uint8"),
    ],
)
def test_a_label_has_a_type_that_holds_its_values(tmp_path, like, highest, given, name, dtype):
    label = torch.tensor([[[0, 1], [1, highest]]])
    path = write_label(
        tmp_path / "a", label, like=like, affine=AFFINE, dtype=None if given is None else np.dtype(given)
    )
    found, meta = read_array(path)
    assert (path.name, found.dtype.name) == (name, dtype)
    np.testing.assert_array_equal(found, label.numpy())
    np.testing.assert_allclose(meta["affine"], AFFINE if ".nii" in name else np.eye(4))


def test_values_that_no_label_holds_are_refused(tmp_path):
    with pytest.raises(ValueError, match="a: label holds 2147483648, expected at most 2147483647"):
        write_label(tmp_path / "a", torch.full((1, 2, 2), 2**31), like="m.png", affine=np.eye(4))
