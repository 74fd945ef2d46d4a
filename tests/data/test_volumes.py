"""NIfTI, MetaImage and NRRD through `read_array`."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from monai_genaug.data import FormatError, read_array

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 0, 3, -20], [0, 1.5, 0, 30], [0, 0, 0, 1]])


def volume(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 30000, shape).astype(np.int16)


def save_itk(path: Path, array: np.ndarray, vector: bool = False) -> Path:
    """Write (X, Y, Z) or, as vectors, (C, X, Y, Z), with the geometry that AFFINE means in RAS."""
    image = SimpleITK.GetImageFromArray(array.T, isVector=vector)
    lps = np.diag([-1.0, -1, 1, 1]) @ AFFINE
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.NII.GZ"])
def test_nifti_keeps_type_axes_and_affine(tmp_path: Path, name: str) -> None:
    voxels = volume(3, 4, 5)
    nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / name.lower())
    (tmp_path / name.lower()).rename(tmp_path / name)
    array, meta = read_array(tmp_path / name)
    assert array.dtype == np.int16
    np.testing.assert_array_equal(array, voxels[None])
    np.testing.assert_allclose(meta["affine"], AFFINE)


def test_nifti_header_scaling_is_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(volume(3, 4, 5), AFFINE)
    image.header.set_slope_inter(2.0, -1024.0)
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(read_array(tmp_path / "a.nii")[0][0], volume(3, 4, 5) * 2.0 - 1024.0)


@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (3, 4, 5, 1, 2)])
def test_nifti_channels_come_first(tmp_path: Path, shape: tuple[int, ...]) -> None:
    voxels = volume(*shape)
    nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / "a.nii.gz")
    array, _ = read_array(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(array, np.moveaxis(voxels.reshape(3, 4, 5, 2), -1, 0))


def test_nifti_with_time_and_vectors_is_refused(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(volume(3, 4, 5, 2, 2), AFFINE), tmp_path / "a.nii")
    with pytest.raises(FormatError, match=r"shape \(3, 4, 5, 2, 2\)"):
        read_array(tmp_path / "a.nii")


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd"])
def test_itk_formats_give_what_nifti_gives(tmp_path: Path, name: str) -> None:
    voxels = volume(3, 4, 5)
    array, meta = read_array(save_itk(tmp_path / name, voxels))
    assert array.dtype == np.int16
    np.testing.assert_array_equal(array, voxels[None])
    np.testing.assert_allclose(meta["affine"], AFFINE, atol=1e-6)


def test_affine_equals_that_of_simpleitk_written_nifti(tmp_path: Path) -> None:
    _, itk = read_array(save_itk(tmp_path / "a.mha", volume(3, 4, 5)))
    _, nifti = read_array(save_itk(tmp_path / "a.nii.gz", volume(3, 4, 5)))
    np.testing.assert_allclose(itk["affine"], nifti["affine"], atol=1e-5)


def test_itk_vectors_become_channels(tmp_path: Path) -> None:
    voxels = volume(2, 3, 4, 5)
    array, _ = read_array(save_itk(tmp_path / "a.mha", voxels, vector=True))
    np.testing.assert_array_equal(array, voxels)


def test_plane_in_an_itk_format_has_a_4x4_affine(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(volume(3, 4).T)
    image.SetSpacing([0.5, 0.25])
    image.SetOrigin([1.0, 2.0])
    SimpleITK.WriteImage(image, str(tmp_path / "a.mha"))
    array, meta = read_array(tmp_path / "a.mha")
    np.testing.assert_array_equal(array, volume(3, 4)[None])
    expected = [[-0.5, 0, 0, -1], [0, -0.25, 0, -2], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(meta["affine"], expected)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
def test_truncated_volume_raises_and_names_the_file(tmp_path: Path, name: str) -> None:
    save_itk(tmp_path / name, volume(20, 20, 20))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(FormatError, match=rf"{name} cannot be read"):
        read_array(tmp_path / name)


def test_missing_file_raises_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.nii\.gz does not exist"):
        read_array(tmp_path / "none.nii.gz")


def test_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").touch()
    with pytest.raises(FormatError, match=r"a\.xyz has an unknown format: known are \.nii\.gz"):
        read_array(tmp_path / "a.xyz")


def test_real_volume_equals_what_monai_reads(real_data) -> None:
    from monai.transforms import LoadImage

    file = real_data("hippocampus") / "labels" / "hippocampus_003.nii.gz"
    array, meta = read_array(file)
    expected = LoadImage(image_only=True)(file)
    np.testing.assert_array_equal(array[0], expected.numpy())
    np.testing.assert_allclose(meta["affine"], expected.affine.numpy())
