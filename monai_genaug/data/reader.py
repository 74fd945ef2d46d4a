"""Our formats inside MONAI's `LoadImaged`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple

from monai_genaug.data._errors import FormatError
from monai_genaug.data.arrays import is_source, read_array


class AnyImageReader(ImageReader):
    """Reads whatever `read_array` reads, for MONAI's `LoadImage` and `LoadImaged`.

    Arrays are channel first already (`original_channel_dim` is 0), hence `EnsureChannelFirstd` leaves them as they are.
    Pictures keep rows as their first axis, unlike MONAI's `PILReader`, which puts columns first. Several files for one
    key are joined as channels. Files are decoded in `get_data`: MONAI tries its other readers when `read` fails, and
    these would accept files that cannot be read without loss.

    Example:
        >>> import tempfile
        >>> from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged
        >>> from monai_genaug.data import write_array
        >>> load = Compose([LoadImaged("image", reader=AnyImageReader()), EnsureChannelFirstd("image")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = write_array(f"{folder}/image.png", np.zeros((3, 4, 6), np.uint8))
        ...     load({"image": str(file)})["image"].shape
        torch.Size([3, 4, 6])
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Tell whether all files have names that this reader knows; folders count as folders of masks."""
        return all(is_source(os.fspath(name)) or os.path.isdir(name) for name in ensure_tuple(filename))

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> tuple[str, ...]:
        """Note the sources; `get_data` decodes them."""
        if kwargs:
            raise TypeError(f"AnyImageReader takes no options, got {', '.join(kwargs)}: leave them out of LoadImage.")
        return tuple(os.fspath(name) for name in ensure_tuple(data))

    def get_data(self, img: Sequence[str]) -> tuple[np.ndarray, dict[str, Any]]:
        """Decode the sources that `read` noted.

        Args:
            img: one source, or several of equal size and affine.

        Returns:
            Array (C, *S), and MONAI's metadata: affine, original_affine, spatial_shape, original_channel_dim, space.

        Raises:
            FormatError: if several sources differ in spatial size or affine, or one cannot be read.
        """
        arrays: list[np.ndarray] = []
        affines: list[np.ndarray] = []
        for source in img:
            array, meta = read_array(source)
            if arrays and (array.shape[1:] != arrays[0].shape[1:] or not np.allclose(meta["affine"], affines[0])):
                raise FormatError(
                    f"{source} has the spatial size {array.shape[1:]} and {img[0]} has {arrays[0].shape[1:]}, expected "
                    "one size and affine to join them as channels: resample them to one grid first."
                )
            arrays.append(array)
            affines.append(meta["affine"])
        joined = np.concatenate(arrays)  # a copy, even of one: decoders may give read-only memory
        return joined, {
            MetaKeys.AFFINE.value: affines[0],
            MetaKeys.ORIGINAL_AFFINE.value: affines[0].copy(),
            MetaKeys.SPATIAL_SHAPE.value: np.asarray(joined.shape[1:]),
            MetaKeys.ORIGINAL_CHANNEL_DIM.value: 0,
            MetaKeys.SPACE.value: SpaceKeys.RAS,
        }
