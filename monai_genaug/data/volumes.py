"""Volumes with geometry: NIfTI, and MetaImage and NRRD by SimpleITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monai_genaug.data._errors import FormatError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_nifti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a NIfTI file; a fourth axis, or the fifth of a vector image, becomes the channels.

    Args:
        path: ``.nii`` or ``.nii.gz``.

    Returns:
        Array (C, X, Y) or (C, X, Y, Z) in the stored type (float64 where the header scales it) and the affine (4, 4)
        from voxel indices to RAS millimetres.

    Raises:
        FormatError: for structured voxels such as RGB24, or axes that are neither space nor channels.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     array, affine = read_nifti(write_array(f"{folder}/a.nii.gz", np.zeros((2, 3, 4, 5), np.int16)))
        >>> array.shape, affine.diagonal()
        ((2, 3, 4, 5), array([1., 1., 1., 1.]))
    """
    import nibabel as nib

    image = nib.load(path)
    voxels = np.asanyarray(image.dataobj)
    if voxels.dtype.names:
        raise FormatError(
            f"{path} has voxels of type {voxels.dtype}, expected numbers: save channels as a fourth axis."
        )
    if voxels.ndim == 5 and voxels.shape[3] == 1:
        voxels = voxels[:, :, :, 0]
    if voxels.ndim not in (2, 3, 4):
        raise FormatError(f"{path} has shape {voxels.shape}, expected (X, Y), (X, Y, Z) or (X, Y, Z, C).")
    array = np.moveaxis(voxels, -1, 0) if voxels.ndim == 4 else voxels[None]
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))), np.asarray(image.affine, np.float64)


def read_itk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a MetaImage or NRRD file; components of voxels, or a fourth axis, become the channels.

    Args:
        path: ``.mha``, ``.mhd`` or ``.nrrd``.

    Returns:
        Array (C, X, Y) or (C, X, Y, Z) in the stored type, axes in index order as MONAI's readers give them, and the
        affine (4, 4) from voxel indices to RAS millimetres (ITK itself counts in LPS).

    Raises:
        FormatError: for four axes with several components each.

    Example:
        >>> import tempfile
        >>> import SimpleITK
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     SimpleITK.WriteImage(SimpleITK.Image(3, 4, 5, SimpleITK.sitkInt16), f"{folder}/a.mha")
        ...     array, affine = read_itk(Path(folder, "a.mha"))
        >>> array.shape, affine.diagonal()
        ((1, 3, 4, 5), array([-1., -1.,  1.,  1.]))
    """
    import SimpleITK

    image = SimpleITK.ReadImage(str(path))
    dims = image.GetDimension()
    voxels = SimpleITK.GetArrayFromImage(image)  # (Z, Y, X, C)
    if image.GetNumberOfComponentsPerPixel() == 1:
        voxels = voxels[..., None]
    if dims == 4:
        if voxels.shape[-1] > 1:
            raise FormatError(f"{path} has four axes and several components, expected one of both: split it.")
        voxels, dims = np.moveaxis(voxels[..., 0], 0, -1), 3
    array = voxels.transpose(dims, *range(dims - 1, -1, -1))  # (C, X, Y, Z)
    size = image.GetDimension()
    direction = np.asarray(image.GetDirection()).reshape(size, size)[:dims, :dims]
    affine = np.eye(4)
    affine[:dims, :dims] = direction * np.asarray(image.GetSpacing())[:dims]
    affine[:dims, 3] = np.asarray(image.GetOrigin())[:dims]
    return np.ascontiguousarray(array), LPS_TO_RAS @ affine
