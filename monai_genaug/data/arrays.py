"""One function that reads any image or label file into a channel-first array."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from monai_genaug.data._errors import FormatError
from monai_genaug.data.matlab import parse_reference, read_variable
from monai_genaug.data.pictures import read_mask_folder, read_picture, read_tiff
from monai_genaug.data.volumes import read_itk, read_nifti

Reader = Callable[[Path], tuple[np.ndarray, np.ndarray]]

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        ".nii.gz": read_nifti,
        ".nii": read_nifti,
        ".png": read_picture,
        ".bmp": read_picture,
        ".jpg": read_picture,
        ".jpeg": read_picture,
        ".tif": read_tiff,
        ".tiff": read_tiff,
        ".mha": read_itk,
        ".mhd": read_itk,
        ".nrrd": read_itk,
    }
)


def read_array(source: str | os.PathLike[str]) -> tuple[np.ndarray, dict[str, Any]]:
    """Read one image or label map, channel first, in the type that the file has.

    Axes keep the order of their format: rows, then columns for pictures (PNG, BMP, JPEG, TIFF, MATLAB; pages of a TIFF
    come before rows, planes of a MATLAB array after columns), and index order (x, y, z) for NIfTI, MetaImage and NRRD.

    Args:
        source: a file; a folder with one PNG mask for each object; or ``file.mat#variable``, and
            ``file.mat#variable[3]`` for a cell, counted from 0.

    Returns:
        Array (C, *S), and a dictionary with `affine`, float64 (4, 4), from indices to RAS millimetres (the identity for
        formats without geometry).

    Raises:
        FileNotFoundError: if the source does not exist.
        FormatError: a ValueError, if the format is unknown, the file is damaged, or reading it would lose content.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = write_array(f"{folder}/label.png", np.full((1, 4, 6), 700, np.uint16))
        ...     array, meta = read_array(file)
        >>> array.shape, array.dtype.name, int(array.max()), meta["affine"].shape
        ((1, 4, 6), 'uint16', 700, (4, 4))
    """
    text = os.fspath(source)
    reference = parse_reference(text)
    path = Path(text) if reference is None else reference.path
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: check the path, and that the data set was moved as a whole.")
    try:
        array, affine = _pick(path)(path) if reference is None else read_variable(reference)
    except (FormatError, FileNotFoundError, PermissionError, ImportError, MemoryError):
        raise
    except Exception as error:  # each library has its own errors for damaged files
        raise FormatError(f"{text} cannot be read: {error}. The file is damaged or misnamed: get it again.") from error
    return array, {"affine": affine}


def is_source(text: str) -> bool:
    """Tell by its name whether a text names a file that `read_array` understands.

    Example:
        >>> is_source("ct.nii.gz"), is_source("study.mat#masks[0]"), is_source("benign")
        (True, True, False)
    """
    return parse_reference(text) is not None or find_suffix(text) is not None


def find_suffix(name: str) -> str | None:
    """Give the known suffix that a file name ends with, in lower case.

    Example:
        >>> find_suffix("a.b.NII.GZ"), find_suffix("notes.txt")
        ('.nii.gz', None)
    """
    return next((suffix for suffix in READERS if name.lower().endswith(suffix)), None)


def _pick(path: Path) -> Reader:
    """Reader for a path."""
    if path.is_dir():
        return read_mask_folder
    suffix = find_suffix(path.name)
    if suffix is not None:
        return READERS[suffix]
    if path.suffix.lower() == ".mat":
        raise FormatError(f"{path} needs the name of a variable, as {path.name}#image or {path.name}#images[0].")
    raise FormatError(f"{path} has an unknown format: known are {', '.join(READERS)} and .mat; convert it to one.")


def strip_suffix(name: str) -> str:
    """Give a file's name without the suffix of a known format.

    Example:
        >>> strip_suffix("case.1.nii.gz"), strip_suffix("notes.txt")
        ('case.1', 'notes.txt')
    """
    return name[: len(name) - len(find_suffix(name) or "")]
