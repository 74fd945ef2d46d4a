"""Images in MATLAB files: numeric variables, cell arrays, and `dip_image` objects of DIPimage 2."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monai_genaug.data._errors import FormatError

REFERENCE = re.compile(r"(?P<path>.+\.mat)#(?P<variable>[A-Za-z]\w*)(\[(?P<cell>\d+)\])?", re.IGNORECASE)
EXPORT = (
    "in MATLAB, export it with x = uint16(dip_array(x)); save('f.mat', 'x', '-v7') "
    "(for cells: x = cellfun(@(c) uint16(dip_array(c)), x, 'UniformOutput', false))"
)


class MatReference(NamedTuple):
    """A variable of a MATLAB file, or one cell of it (0-based, counted along columns first as MATLAB does)."""

    path: Path
    variable: str
    cell: int | None = None

    def __str__(self) -> str:
        return f"{self.path}#{self.variable}" + ("" if self.cell is None else f"[{self.cell}]")


def parse_reference(source: str) -> MatReference | None:
    """Split ``file.mat#variable`` or ``file.mat#variable[3]``; None for a source of another form.

    Example:
        >>> str(parse_reference("study.mat#images[3]"))
        'study.mat#images[3]'
        >>> parse_reference("image.png") is None
        True
    """
    match = REFERENCE.fullmatch(source)
    if match is None:
        return None
    return MatReference(Path(match["path"]), match["variable"], None if match["cell"] is None else int(match["cell"]))


def read_variable(reference: MatReference) -> tuple[np.ndarray, np.ndarray]:
    """Read one image of a MATLAB file; rows and columns keep the order that MATLAB shows.

    A `dip_image` is a plane or a volume, a colour or tensor `dip_image` gives channels. A plain array is a plane, a
    volume, or, with 3 as its third length, an RGB plane. Third axes of length 1 are dropped.

    Args:
        reference: which variable or cell.

    Returns:
        Array (C, Y, X) or (C, Y, X, Z) in the stored type (logical: uint8), and the identity (4, 4).

    Raises:
        FormatError: for missing variables, objects of DIPimage 3, files of version 7.3, and what is no image.

    Example:
        >>> import tempfile
        >>> from scipy.io import savemat
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     savemat(f"{folder}/a.mat", {"x": np.zeros((4, 6), np.uint16)})
        ...     read_variable(MatReference(Path(folder, "a.mat"), "x"))[0].shape
        (1, 4, 6)
    """
    value = _get(reference)
    if _is_cells(value):
        if reference.cell is None:
            raise FormatError(f"{reference} is a cell array of {value.size}: name one cell, as {reference}[0].")
        if reference.cell >= value.size:
            raise FormatError(f"{reference} does not exist: the cell array has {value.size} cells, counted from 0.")
        value = value.ravel(order="F")[reference.cell]
    elif reference.cell is not None:
        raise FormatError(f"{reference} asks for a cell, but the variable is no cell array: leave the index out.")
    return _to_array(value, str(reference)).copy(), np.eye(4)


def count_cells(path: Path, variable: str) -> int | None:
    """Count the cells of a variable; None if it is not a cell array."""
    value = _get(MatReference(path, variable))
    return int(value.size) if _is_cells(value) else None


def list_variables(path: Path) -> list[str]:
    """Name the variables of a MATLAB file, objects of unknown classes left out."""
    return sorted(name for name, value in _load(path).items() if not _is_opaque(value))


def _get(reference: MatReference) -> Any:
    """Value of a variable as SciPy gives it."""
    content = _load(reference.path)
    value = content.get(reference.variable)
    if value is not None and not _is_opaque(value):
        return value
    if any(_is_opaque(other) for other in content.values()):
        raise FormatError(
            f"{reference} cannot be read: the file holds objects of MATLAB classes, such as those of DIPimage 3, which "
            f"only MATLAB can open; {EXPORT}."
        )
    raise FormatError(f"{reference} does not exist: the file has the variables {', '.join(sorted(content)) or 'none'}.")


def _load(path: Path) -> dict[str, Any]:
    """Variables of a file, kept until the file changes."""
    status = path.stat()
    return _load_version(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _load_version(path: Path, mtime_ns: int, size: int) -> dict[str, Any]:
    """Variables of one version of a file."""
    from scipy.io import loadmat

    with path.open("rb") as file:
        if b"MATLAB 7.3" in file.read(128):
            raise FormatError(f"{path} is a MATLAB file of version 7.3 (HDF5), expected 5 to 7: {EXPORT}.")
    return {name: value for name, value in loadmat(path).items() if not name.startswith("__")}


def _is_cells(value: Any) -> bool:
    """Whether a value is a cell array (SciPy's MatlabObject is an array of type object too, with fields)."""
    return isinstance(value, np.ndarray) and value.dtype == object and not hasattr(value, "classname")


def _is_opaque(value: Any) -> bool:
    """Whether a value is an object of a class that only MATLAB can open."""
    from scipy.io.matlab import MatlabFunction, MatlabOpaque

    return isinstance(value, MatlabOpaque | MatlabFunction)


def _to_array(value: Any, name: str) -> np.ndarray:
    """Channel-first array of one numeric array or `dip_image`."""
    if _is_opaque(value):
        raise FormatError(f"{name} is an object of a MATLAB class, such as of DIPimage 3; {EXPORT}.")
    if getattr(value, "classname", None) == "dip_image":
        planes = [np.asarray(data) for data in np.asarray(value["data"]).ravel(order="F")]
        if len({plane.shape for plane in planes}) != 1:
            raise FormatError(f"{name} has components of shapes {[p.shape for p in planes]}, expected equal ones.")
        return np.stack([_squeeze(plane, name) for plane in planes])
    array = np.asarray(value)
    if array.ndim == 3 and array.shape[2] == 3:
        return np.moveaxis(_squeeze(array, name), -1, 0)
    return _squeeze(array, name)[None]


def _squeeze(array: np.ndarray, name: str) -> np.ndarray:
    """Plane (Y, X) or volume (Y, X, Z) of real numbers."""
    if array.dtype.kind not in "buif" or array.ndim not in (2, 3) or array.size == 0:
        raise FormatError(
            f"{name} is {array.dtype} of shape {array.shape}, expected real numbers of shape (Y, X) or (Y, X, Z): "
            "save each image as its own numeric variable or cell."
        )
    array = array.astype(np.uint8) if array.dtype == bool else array
    return array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
