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
from monai_genaug.masks.instances import is_foreground

LabelT = TypeVar("LabelT", NDArray[Any], Tensor)
Labels: TypeAlias = NDArray[np.int64]


class MaskSampler(Randomizable, ABC):
    """Makes a new label map of a given one, with its own random state `R` alone.

    A sampler gives `sample`; this class sees to containers, types, metadata and shapes, in 2D and 3D.

    Attributes:
        numbers_objects: whether it gives each object a value of its own.
        binary: whether new maps hold 0 and 1 alone; otherwise a sampler that numbers objects refuses a label which
            cannot hold objects, since a network trained on 0 and 1 would be given other values.
    """

    numbers_objects = False
    binary = False

    def __call__(self, label: LabelT) -> LabelT:
        """Make one label map.

        Args:
            label: array, tensor or MetaTensor (1, *S) of whole numbers >= 0 in any dtype, 2D or 3D.

        Returns:
            New label map (1, *S) of the same container, dtype, device and metadata; `label` is left as it is.

        Raises:
            ValueError: for another shape, for values that are not whole numbers >= 0, or where the dtype has no room
                for the values of new instances, or the label holds foreground where objects are numbered.
        """
        plain = label_to_tensor(label)
        values = read_map(plain)
        self.check_values(values)
        new = self.sample(values)
        if self.binary:
            new = (new > 0).astype(np.int64)
        check_room(int(new.max()), plain.dtype)
        return _to_container(new[None], label)

    def check_values(self, values: Labels) -> None:
        """Raise ValueError where a map (*S) holds foreground, and the sampler would number objects in it."""
        if self.numbers_objects and not self.binary and is_foreground(values):
            raise ValueError(
                f"label holds 0 and 1 alone, in several pieces, but {type(self).__name__} gives each object a value of "
                "its own: pass binary=True for labels of 0 and 1, or put it before labels are made binary."
            )

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
            "instances: cast it to uint16 or int32 before, or let the sampler keep 0 and 1 (binary=True) or classes "
            "(instances=False)."
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
