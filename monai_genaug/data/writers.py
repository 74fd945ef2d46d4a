"""Writing of images, labels and data lists, each to a hidden name first and then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from monai_genaug._files import replacing
from monai_genaug.data.arrays import is_source
from monai_genaug.data.splits import SPLITS, check_split_groups


def write_array(path: str | os.PathLike[str], array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """Write one image or label map, so that `read_array` gives back the same values, type and affine.

    Args:
        path: ``.png`` for planes of 1 or 3 channels in uint8 or 1 in uint16; ``.tif`` or ``.tiff`` for planes and
            stacks of any number of channels; ``.nii`` or ``.nii.gz`` for volumes, and planes of one channel.
        array: (C, *S).
        affine: (4, 4), from indices to RAS millimetres, NIfTI only; the identity if left out.

    Returns:
        The path.

    Raises:
        ValueError: if the format cannot hold the array or the affine as they are.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_array(f"{folder}/label.nii.gz", np.ones((1, 2, 3, 4), np.uint16), np.diag([2.0, 2, 2, 1])).name
        'label.nii.gz'
    """
    path = Path(path)
    suffix = next((suffix for suffix in FORMATS if path.name.lower().endswith(suffix)), None)
    if suffix is None:
        raise ValueError(f"{path} has an unknown format, expected one of {', '.join(FORMATS)}.")
    form = FORMATS[suffix]
    array = np.asarray(array)
    if array.ndim not in form.ndims or array.size == 0:
        raise ValueError(
            f"{path}: array has shape {array.shape}, expected {form.shapes}: use .tif or .nii.gz otherwise."
        )
    if array.dtype.name not in form.dtypes:
        raise ValueError(f"{path}: array is {array.dtype}, expected one of {', '.join(form.dtypes)}: convert it first.")
    affine = np.eye(4) if affine is None else np.asarray(affine, dtype=float)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ValueError(f"{path}: affine has shape {affine.shape}, expected (4, 4) and finite.")
    if not form.geometry and not np.array_equal(affine, np.eye(4)):
        raise ValueError(f"{path}: {suffix} holds no affine: write .nii.gz, or leave affine out.")
    with replacing(path) as hidden:
        form.write(hidden, array, affine)
    return path


def _write_png(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    """PNG of (1 or 3, Y, X)."""
    from PIL import Image

    if array.shape[0] != 1 and (array.shape[0] != 3 or array.dtype != np.uint8):
        raise ValueError(
            f"PNG got {array.shape[0]} channels of {array.dtype}, expected 1 channel of uint8 or uint16, or 3 of "
            "uint8: use .tif."
        )
    pixels = array[0] if array.shape[0] == 1 else np.moveaxis(array, 0, -1)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG")


def _write_tiff(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    """TIFF of (C, Y, X) or (C, Z, Y, X), with its axes noted."""
    import tifffile

    rgb = array.shape[0] == 3 and array.ndim == 3 and array.dtype.kind == "u"
    pixels = np.moveaxis(array, 0, -1) if rgb else array
    axes = "YXS" if rgb else "CZYX" if array.ndim == 4 else "CYX"
    photometric = "rgb" if rgb else "minisblack"
    tifffile.imwrite(path, pixels, photometric=photometric, compression="zlib", metadata={"axes": axes})


def _write_nifti(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    """NIfTI of (1, X, Y) or (C, X, Y, Z); channels become the fourth axis."""
    import nibabel as nib

    if array.shape[0] > 1 and array.ndim == 3:
        raise ValueError(f"NIfTI got a plane of {array.shape[0]} channels, expected one channel or a volume: use .tif.")
    voxels = array[0] if array.shape[0] == 1 else np.moveaxis(array, 0, -1)
    nib.save(nib.Nifti1Image(voxels, affine, dtype=array.dtype), path)


class _Format(NamedTuple):
    """What a file format holds."""

    write: Callable[[Path, np.ndarray, np.ndarray], None]
    ndims: tuple[int, ...]
    shapes: str
    dtypes: tuple[str, ...]
    geometry: bool


_INTEGERS = ("uint8", "uint16", "uint32", "int8", "int16", "int32")
_PNG = _Format(_write_png, (3,), "(C, Y, X)", ("uint8", "uint16"), False)
_TIFF = _Format(_write_tiff, (3, 4), "(C, Y, X) or (C, Z, Y, X)", (*_INTEGERS, "float32", "float64"), False)
_NIFTI = _Format(_write_nifti, (3, 4), "(C, X, Y) or (C, X, Y, Z)", (*_INTEGERS, "float32", "float64"), True)
FORMATS: Mapping[str, _Format] = MappingProxyType(
    {".png": _PNG, ".tif": _TIFF, ".tiff": _TIFF, ".nii": _NIFTI, ".nii.gz": _NIFTI}
)


def write_dataset(
    folder: str | os.PathLike[str],
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    name: str,
    licence: str,
    source: str = "",
    cite: str = "",
    label: str = "",
) -> Path:
    """Write ``dataset.json`` into the folder of a data set, in the form that `load_datalist` reads.

    Args:
        folder: the data set's folder; the files that items name lie in it.
        splits: items ``{"image", "label", "group", ...}`` for training and, as there are, validation and test.
        name: of the data set.
        licence: of the data, such as "CC0 1.0".
        source: where the data come from.
        cite: what to cite.
        label: what label values mean.

    Returns:
        Path of ``dataset.json``.

    Raises:
        ValueError: for unknown splits, items without a label, files outside the folder, and groups in two splits.
        FileNotFoundError: if a file that an item names does not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     image, label = (write_array(f"{folder}/{n}.png", np.ones((1, 4, 4), np.uint8)) for n in "il")
        ...     items = [{"image": str(image), "label": str(label), "group": "p1"}]
        ...     file = write_dataset(folder, {"training": items}, name="demo", licence="CC0 1.0")
        ...     json.loads(file.read_text())["training"]
        [{'image': 'i.png', 'label': 'l.png', 'group': 'p1'}]
    """
    root = Path(folder).resolve()
    if not splits.keys() <= set(SPLITS) or not splits.get("training"):
        raise ValueError(f"splits has {sorted(splits)}, expected a filled training and no others than {SPLITS}.")
    check_split_groups(splits, f"splits of {name}")
    content: dict[str, Any] = {"name": name, "licence": licence, "source": source, "cite": cite, "label": label}
    for split in SPLITS:
        content[split] = [_relative_item(root, item) for item in splits.get(split, ())]
    with replacing(root / "dataset.json") as hidden:
        hidden.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return root / "dataset.json"


def _relative_item(root: Path, item: Mapping[str, Any]) -> dict[str, Any]:
    """Item whose files are named relative to the data set's folder."""
    if not {"image", "label"} <= item.keys():
        raise ValueError(f"an item has the keys {sorted(item)}, expected image and label among them.")
    return {
        key: _relative(root, value)
        if key in ("image", "label") or (key != "group" and is_source(str(value)))
        else value
        for key, value in item.items()
    }


def _relative(root: Path, value: Any) -> str:
    """Path relative to the data set's folder, with / between its parts."""
    path = Path(os.path.normpath(root / value))
    if not path.is_relative_to(root):
        raise ValueError(f"{path} lies outside {root}, expected files in the data set's folder: copy them there.")
    if "#" not in path.name and not path.exists():
        raise FileNotFoundError(f"{path} does not exist: write the images and labels before the list.")
    return path.relative_to(root).as_posix()
