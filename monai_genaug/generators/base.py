"""The contract that every image generator keeps, and what all of them share in keeping it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from monai_genaug._checks import check_spatial_dims
from monai_genaug._rebuildable import Rebuildable
from monai_genaug._tensors import as_plain_tensor, pad_to_multiple
from monai_genaug.masks.encodings import LabelEncoding


class ConditionalGenerator(Rebuildable, nn.Module, ABC):
    """Makes an image from a label.

    A family gives `generate`; this class sees to what `sample` promises: one seed a row and nothing else that is
    random, any spatial size, no gradients, train/eval mode left as it was, only finite values in [0, 1].

    Args:
        spatial_dims: 2 or 3.
        image_channels: channels C of the images.
        encoding: turns label maps into conditions; its `channels` is K.
        stride: the network takes spatial sizes that are multiples of this.
        least_size: and at least this along each axis.
    """

    def __init__(
        self, *, spatial_dims: int, image_channels: int, encoding: LabelEncoding, stride: int = 1, least_size: int = 1
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        self.image_channels = image_channels
        self.encoding = encoding
        self.stride, self.least_size = stride, least_size

    @property
    def condition_channels(self) -> int:
        """Channels K of the condition."""
        return self.encoding.channels

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        tensor = next(self.parameters(), next(self.buffers(), None))
        return torch.device("cpu") if tensor is None else tensor.device

    def encode(self, label: Tensor, image: Tensor | None = None) -> Tensor:
        """Turn a label map into the condition that the generator was trained with.

        Args:
            label: (B, 1, *S), whole numbers >= 0, 0 = background.
            image: (B, C, *S) in [0, 1], NaN where it is not known, for families that edit an image; others leave it.

        Returns:
            Condition (B, K, *S), float32 in [0, 1].

        Raises:
            ValueError: if the label has not the dims or the values that the encoding takes.
        """
        if label.ndim != self.spatial_dims + 2:
            raise ValueError(
                f"label has shape {tuple(label.shape)}, expected (B, 1, *S) with {self.spatial_dims} spatial dims for "
                f"{self.name}: pass slices to a 2D generator, whole volumes to a 3D one."
            )
        return self.encoding(label)

    def region(self, label: Tensor) -> Tensor | None:
        """Say where the generator writes: a boolean map (B, 1, *S), or None for the whole image."""
        return None

    @property
    def traits(self) -> dict[str, Any]:
        """What a generator that works with this one is built with."""
        return {
            "spatial_dims": self.spatial_dims,
            "image_channels": self.image_channels,
            "encoding": self.encoding,
            "stride": self.stride,
            "least_size": self.least_size,
        }

    @property
    def name(self) -> str:
        """What messages call this generator."""
        return type(self).__name__

    @torch.no_grad()
    def sample(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make one image for each condition and seed.

        Args:
            condition: (B, K, *S) in [0, 1], any spatial size; moved to the generator's device.
            seeds: B integers; a row's image depends on its condition and seed alone.

        Returns:
            Image (B, C, *S), float32 in [0, 1], on the generator's device.

        Raises:
            ValueError: if the condition's shape or the number of seeds does not fit.
            FloatingPointError: if the network gives NaN or Inf.
        """
        self._check_condition(condition, seeds)
        size = condition.shape[2:]
        if condition.numel() == 0:
            return torch.zeros((condition.shape[0], self.image_channels, *size), device=self.device)
        condition = as_plain_tensor(condition).to(self.device, torch.float32)
        with evaluating(self):
            image = self.generate(pad_to_multiple(condition, self.stride, self.least_size), seeds=seeds).float()
        image = image[(slice(None), slice(None)) + tuple(slice(0, side) for side in size)]
        expected = (condition.shape[0], self.image_channels, *size)
        if tuple(image.shape) != expected:
            raise ValueError(
                f"{self.name} gave images of shape {tuple(image.shape)}, expected {expected}: "
                "check its image_channels and stride."
            )
        if not torch.isfinite(image).all():
            raise FloatingPointError(
                f"{self.name} gave NaN or Inf: check that its weights are finite, that training did not diverge, and "
                "that the condition holds numbers in [0, 1]."
            )
        return image.clamp(0.0, 1.0)

    @abstractmethod
    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make images (B, C, *S) in [0, 1] from checked conditions (B, K, *S) of sizes that the network takes."""

    def _check_condition(self, condition: Tensor, seeds: Sequence[int]) -> None:
        if condition.ndim != self.spatial_dims + 2:
            raise ValueError(
                f"condition has shape {tuple(condition.shape)}, {self.name} expects (B, {self.condition_channels}, *S) "
                f"with {self.spatial_dims} spatial dims: encode a label with generator.encode(label)."
            )
        if condition.shape[1] != self.condition_channels:
            raise ValueError(
                f"condition has {condition.shape[1]} channels, {self.name} expects {self.condition_channels}: "
                "encode the label with generator.encode(label)."
            )
        if len(seeds) != condition.shape[0]:
            raise ValueError(f"got {len(seeds)} seeds for {condition.shape[0]} conditions: give one seed a row.")

    def __getstate__(self) -> Any:
        """Refuse to be pickled: a live network would be copied to every worker."""
        raise TypeError(
            f"a live {self.name} cannot be pickled (DataLoader workers under spawn, torch.save): save it to a folder "
            "with save_generator(...) and pass GeneratorHandle(folder) or the folder itself; "
            "its network loads once in each process. A network of your own that cannot be saved so works with "
            "num_workers=0 or forked workers."
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> ConditionalGenerator:
        """Copy within the process, which pickling's refusal would otherwise forbid."""
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update({key: copy.deepcopy(value, memo) for key, value in self.__dict__.items()})
        return twin


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode and leave every part of it as it was found.

    Example:
        >>> with evaluating(nn.Dropout()) as _:
        ...     pass
    """
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def check_generator(value: Any, kind: type, remedy: str) -> None:
    """Raise ValueError where a generator is given something else to work with.

    Example:
        >>> check_generator("nuclei_pix2pix", ConditionalGenerator, "load_generator(name)")
        Traceback (most recent call last):
            ...
        ValueError: generator is a str, expected a ConditionalGenerator: pass load_generator(name).
    """
    if not isinstance(value, kind):
        raise ValueError(f"generator is a {type(value).__name__}, expected a {kind.__name__}: pass {remedy}.")
