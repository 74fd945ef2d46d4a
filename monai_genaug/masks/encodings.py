"""Encodings of integer label maps into the conditions that generators take."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from monai_genaug._checks import check_label
from monai_genaug._rebuildable import Rebuildable


class LabelEncoding(Rebuildable, ABC):
    """Turns a label map (B, 1, *S) into a condition (B, channels, *S) in [0, 1]."""

    channels: int

    def __call__(self, label: Tensor) -> Tensor:
        """Encode a label map.

        Args:
            label: (B, 1, *S), whole numbers >= 0 in any real type, 0 = background.

        Returns:
            Condition (B, channels, *S), float32 in [0, 1].

        Raises:
            ValueError: if the label has more than one channel or values that are no label values.
        """
        if label.ndim < 3 or label.shape[1] != 1:
            raise ValueError(
                f"label has shape {tuple(label.shape)}, expected (B, 1, *S) with one channel: turn one-hot labels into "
                "one map with AsDiscreted(argmax=True), and add a channel with EnsureChannelFirstd."
            )
        return self.encode(check_label(label))

    @abstractmethod
    def encode(self, label: Tensor) -> Tensor:
        """Encode a checked int64 label map (B, 1, *S) into (B, channels, *S)."""


class BinaryEncoding(LabelEncoding):
    """One channel: 1 where the label is not background.

    Example:
        >>> BinaryEncoding()(torch.tensor([[[0, 3, 700]]]))
        tensor([[[0., 1., 1.]]])
    """

    channels = 1

    def encode(self, label: Tensor) -> Tensor:
        """Encode a checked int64 label map (B, 1, *S) into (B, 1, *S)."""
        return (label > 0).float()


class OneHotEncoding(LabelEncoding):
    """One channel for each class, background left out.

    Args:
        num_classes: number of foreground classes; label values 1..num_classes are allowed beside 0.

    Raises:
        ValueError: if `num_classes` < 1, or a label value exceeds it.

    Example:
        >>> OneHotEncoding(2)(torch.tensor([[[0, 2, 1]]]))
        tensor([[[0., 0., 1.],
                 [0., 1., 0.]]])
    """

    def __init__(self, num_classes: int) -> None:
        if num_classes < 1 or num_classes != int(num_classes):
            raise ValueError(f"num_classes is {num_classes}, expected a whole number of foreground classes, 1 or more.")
        self.channels = int(num_classes)

    def encode(self, label: Tensor) -> Tensor:
        """Encode a checked int64 label map (B, 1, *S) into (B, num_classes, *S)."""
        if label.numel() and int(label.max()) > self.channels:
            raise ValueError(
                f"label holds the value {int(label.max())}, expected classes 0..{self.channels}: an instance map needs "
                "BinaryEncoding; map other class values to 1..n with MapLabelValued."
            )
        classes = torch.arange(1, self.channels + 1, device=label.device)
        return (label == classes.view(1, -1, *(1,) * (label.ndim - 2))).float()


class InstanceEncoding(LabelEncoding):
    """Three channels, from which touching objects can be told apart: foreground, boundary, distance.

    The boundary is an object's own outermost voxels, those with a face neighbour of another value; the distance is that
    to the boundary, 1 at the object's innermost voxel. Every value is one object: for binary masks number the objects
    first, or they share one greatest distance. The border of the image is no boundary.

    Example:
        >>> InstanceEncoding()(torch.tensor([[[[5, 5, 5, 5, 5, 2, 2]]]]))[0, :, 0]
        tensor([[1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000],
                [0.0000, 0.0000, 0.0000, 0.0000, 1.0000, 1.0000, 0.0000],
                [1.0000, 0.8000, 0.6000, 0.4000, 0.2000, 0.5000, 1.0000]])
    """

    channels = 3

    def encode(self, label: Tensor) -> Tensor:
        """Encode a checked int64 label map (B, 1, *S) into (B, 3, *S)."""
        foreground, boundary = label > 0, label_boundary(label)
        rows = [_relative_depth(*row) for row in zip(label.cpu(), boundary.cpu(), strict=True)]
        depth = torch.stack(rows) if rows else torch.zeros(label.shape)
        return torch.cat((foreground.float(), boundary.float(), depth.to(label.device)), dim=1)


def label_boundary(label: Tensor) -> Tensor:
    """Find the voxels of objects that have a face neighbour of another value.

    Args:
        label: (B, 1, *S), int64.

    Returns:
        (B, 1, *S), bool.

    Example:
        >>> label_boundary(torch.tensor([[[1, 1, 2, 2, 2, 0]]])).int()
        tensor([[[0, 1, 1, 0, 1, 0]]], dtype=torch.int32)
    """
    boundary = torch.zeros_like(label, dtype=torch.bool)
    for axis in range(2, label.ndim):
        length = label.shape[axis] - 1
        differs = label.narrow(axis, 0, length) != label.narrow(axis, 1, length)
        boundary.narrow(axis, 0, length).logical_or_(differs)
        boundary.narrow(axis, 1, length).logical_or_(differs)
    return boundary & (label > 0)


def _relative_depth(label: Tensor, boundary: Tensor) -> Tensor:
    """Give the distance (1, *S) to the boundary, as a share of its object's greatest."""
    from scipy import ndimage

    if not boundary.any():
        return (label > 0).float()
    values, inner = label[0].numpy(), boundary[0].numpy()
    depth = np.where(values > 0, ndimage.distance_transform_edt(~inner) + 1.0, 0.0)
    present, order = np.unique(values, return_inverse=True)
    greatest = np.zeros(len(present))
    np.maximum.at(greatest, order.ravel(), depth.ravel())
    return torch.from_numpy(depth / np.maximum(greatest, 1.0)[order].reshape(values.shape)).float()[None]
