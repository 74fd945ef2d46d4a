"""Files of synthetic pairs: an image in the format that goes with its mask's, and the mask itself."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug._checks import check_choice
from monai_genaug._files import replacing
from monai_genaug.data.arrays import find_suffix, read_array
from monai_genaug.data.writers import write_array

NIFTI, GEOMETRIC, TIFF = (".nii", ".nii.gz"), (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd"), (".tif", ".tiff")
BITS: Mapping[int, type[np.generic]] = MappingProxyType({8: np.uint8, 16: np.uint16, 32: np.float32})
LABEL_TYPES = ("uint8", "uint16", "int32")  # from small to large
KEPT_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32")  # which files of labels may have


def write_pair(folder: Path, name: str, image: Tensor, mask: Path) -> tuple[Path, Path]:
    """Write a synthetic image, and copy its mask, under one name.

    NIfTI, MetaImage and NRRD masks give NIfTI images, float32 in [0, 1], with the mask's affine; others 8 bit: TIFF
    masks and volumes TIFF, the rest PNG, or TIFF where PNG cannot hold the channels.

    Args:
        folder: gets images/ and labels/.
        name: without suffix.
        image: (C, *S) in [0, 1].
        mask: the mask's file.

    Returns:
        Paths of image and label.

    Example:
        >>> import tempfile
        >>> import torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mask = write_array(f"{folder}/mask.png", np.ones((1, 4, 4), np.uint8))
        ...     [path.name for path in write_pair(Path(folder), "a", torch.rand(2, 4, 4), mask)]
        ['a.tif', 'a.png']
    """
    suffix = find_suffix(mask.name) or ""
    affine = read_array(mask)[1]["affine"] if image_suffix(mask.name, image) in NIFTI else np.eye(4)
    path = write_image(folder / "images" / name, image, like=mask.name, affine=affine)
    if suffix == ".mhd":  # names another file that holds the values
        array, meta = read_array(mask)
        return path, write_array(folder / "labels" / f"{name}.nii.gz", array, meta["affine"])
    label = folder / "labels" / f"{name}{suffix}"
    with replacing(label) as hidden:
        shutil.copyfile(mask, hidden)
    return path, label


def write_image(stem: Path, image: Tensor, *, like: str, affine: NDArray[np.float64], bits: int | None = None) -> Path:
    """Write an image in the format that goes with a file, see `image_suffix`.

    Args:
        stem: path without suffix.
        image: (C, *S) in [0, 1].
        like: name of the file.
        affine: (4, 4), kept by NIfTI alone.
        bits: 8 or 16 for whole numbers from 0 to the largest, 32 for float32 in [0, 1]; by default 32 for NIfTI and 8
            for others. What PNG cannot hold becomes TIFF.

    Returns:
        The path.

    Raises:
        ValueError: for another number of bits.

    Example:
        >>> import tempfile
        >>> import torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_image(Path(folder, "a"), torch.ones(1, 2, 2), like="m.png", affine=np.eye(4), bits=16)
        ...     path.name, int(read_array(path)[0].max())
        ('a.png', 65535)
    """
    form = image_suffix(like, image)
    if bits is None:
        bits = 32 if form in NIFTI else 8
    check_choice("bits", bits, BITS)
    if form == ".png" and (bits == 32 or (bits == 16 and image.shape[0] > 1)):
        form = ".tif"
    unit = image.detach().cpu().float().numpy()
    array = unit if bits == 32 else ((2**bits - 1) * unit).round().astype(BITS[bits])
    return write_array(f"{stem}{form}", array, affine if form in NIFTI else None)


def write_label(
    stem: Path, label: Tensor, *, like: str, affine: NDArray[np.float64], dtype: np.dtype | None = None
) -> Path:
    """Write a label map in the format that goes with a file, in a type that holds its values.

    Args:
        stem: path without suffix.
        label: (1, *S), whole numbers >= 0.
        like: name of the file.
        affine: (4, 4), kept by NIfTI alone.
        dtype: is kept if it is of whole numbers and large enough; else the smallest of uint8, uint16 and int32 that is.

    Returns:
        The path; what PNG cannot hold becomes TIFF.

    Raises:
        ValueError: for values that int32 cannot hold.

    Example:
        >>> import tempfile
        >>> import torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_label(Path(folder, "a"), torch.full((1, 2, 2), 700), like="m.png", affine=np.eye(4))
        ...     path.name, read_array(path)[0].dtype.name
        ('a.png', 'uint16')
    """
    highest = int(label.max())
    given = [dtype.name] if dtype is not None and dtype.name in KEPT_TYPES else []
    kept = next((name for name in (*given, *LABEL_TYPES) if np.iinfo(name).max >= highest), None)
    if kept is None:
        raise ValueError(f"{stem.name}: label holds {highest}, expected at most {2**31 - 1}: number objects from 1.")
    form = image_suffix(like, label)
    if form == ".png" and kept not in ("uint8", "uint16"):
        form = ".tif"
    return write_array(f"{stem}{form}", label.cpu().numpy().astype(kept), affine if form in NIFTI else None)


def image_suffix(name: str, image: Tensor) -> str:
    """Choose the format of an image (C, *S) that is made from a file.

    Example:
        >>> import torch
        >>> image_suffix("mask.nii.gz", torch.zeros(1, 4, 4, 4)), image_suffix("mask.bmp", torch.zeros(3, 4, 4))
        ('.nii.gz', '.png')
    """
    suffix = find_suffix(name) or ""
    if suffix in GEOMETRIC and (image.ndim == 4 or image.shape[0] == 1):
        return suffix if suffix in NIFTI else ".nii.gz"
    if suffix in TIFF:
        return suffix
    return ".png" if image.ndim == 3 and image.shape[0] in (1, 3) else ".tif"
