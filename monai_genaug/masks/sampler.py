"""What every mask sampler has in common: a label map in, a new one out, in the same container, type and size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Randomizable
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug._checks import check_label

LabelT = TypeVar("LabelT", NDArray[Any], Tensor)
Labels: TypeAlias = NDArray[np.int64]


class MaskSampler(Randomizable, ABC):
    """Makes a new label map of a given one, with its own random state `R` alone.

    A sampler gives `sample`; this class sees to containers, types, metadata and shapes, in 2D and 3D.
    """

    def __call__(self, label: LabelT) -> LabelT:
        """Make one label map.

        Args:
            label: array, tensor or MetaTensor (1, *S) of whole numbers >= 0 in any dtype, 2D or 3D.

        Returns:
            New label map (1, *S) of the same container, dtype, device and metadata; `label` is left as it is.

        Raises:
            ValueError: for another shape, for values that are not whole numbers >= 0, or where the dtype has no room
                for the values of new instances.
        """
        plain = label_to_tensor(label)
        new = self.sample(read_map(plain))
        check_room(int(new.max()), plain.dtype)
        return _to_container(new[None], label)

    @abstractmethod
    def sample(self, values: Labels) -> Labels:
        """Draw from `R` and make a new map (*S) of a checked one (*S), int64, which is left as it is."""


def read_map(label: NDArray[Any] | Tensor, *, name: str = "label") -> Labels:
    """Give a label map (1, *S) in any container and type as (*S), int64.

    Args:
        label: whole numbers >= 0, 2D or 3D.
        name: what the error calls it.

    Raises:
        ValueError: for another shape, or values that are no label values.

    Example:
        >>> read_map(np.ones((1, 1, 2), np.float32))
        array([[1, 1]])
    """
    if label.ndim not in {3, 4} or label.shape[0] != 1 or 0 in label.shape:
        raise ValueError(
            f"{name} has shape {tuple(label.shape)}, expected one channel and no empty axis, (1, Y, X) or "
            "(1, Z, Y, X): add a channel with EnsureChannelFirst, and join one-hot channels with argmax."
        )
    values: Labels = check_label(label_to_tensor(label), name=name).numpy()[0]
    return values


def check_room(highest: int, dtype: torch.dtype) -> None:
    """Raise ValueError where a label's `dtype` cannot hold the whole numbers up to `highest`.

    Example:
        >>> check_room(200, torch.uint8)
    """
    if dtype.is_floating_point:
        room = round(2 / torch.finfo(dtype).eps)
    else:
        room = 1 if dtype == torch.bool else torch.iinfo(dtype).max
    if highest > room:
        raise ValueError(
            f"label has dtype {dtype}, which holds whole numbers to {room}, but {highest} is needed to number the "
            "instances: cast the label to uint16 or int32 first, or leave instances=False if it holds classes."
        )


def label_to_tensor(label: NDArray[Any] | Tensor) -> Tensor:
    """Give a label map as a plain tensor on the CPU."""
    if isinstance(label, np.ndarray):
        return torch.from_numpy(np.array(label, dtype=label.dtype.newbyteorder("="), order="C"))
    plain = label.as_tensor() if isinstance(label, MetaTensor) else label
    return plain.detach().cpu()


def _to_container(values: NDArray[np.int64], label: LabelT) -> LabelT:
    """Give `values` in the container, dtype and device of `label`, with its metadata."""
    if isinstance(label, np.ndarray):
        return values.astype(label.dtype)
    tensor = torch.from_numpy(values).to(device=label.device, dtype=label.dtype)
    return MetaTensor(tensor).copy_meta_from(label) if isinstance(label, MetaTensor) else tensor
