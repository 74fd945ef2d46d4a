"""Editing real images: objects are written into them, and their background stays."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from monai_genaug._checks import check_at_least
from monai_genaug.generators.base import ConditionalGenerator, check_generator


class EditingGenerator(ConditionalGenerator):
    """Writes another generator's objects into the real image, which stays as it is away from them.

    What real images have beside objects and no mask tells of, such as debris and pale cells, is kept. Objects of the
    old label are replaced, by those of the new one or by background of the other generator. In the margin around both,
    the synthetic image is brought to the brightness of the real one and blended into it. An image that is made of
    nothing but a label is the other generator's.

    Args:
        generator: makes the objects.
        margin: voxels around objects that are rewritten too, at least 1.

    Raises:
        ValueError: if `margin` is below 1, or `generator` is none.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> white = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1, encoding=BinaryEncoding(),
        ...                         output_range=(0, 1))
        >>> label = torch.zeros(1, 1, 1, 7, dtype=torch.int64)
        >>> label[..., 3] = 1
        >>> EditingGenerator(white, margin=1).region(label).int()
        tensor([[[[0, 0, 1, 1, 1, 0, 0]]]], dtype=torch.int32)
    """

    def __init__(self, generator: ConditionalGenerator, margin: int = 4) -> None:
        check_generator(generator, ConditionalGenerator, "load_generator(name_or_dir)")
        super().__init__(**generator.traits)
        check_at_least(1, margin=margin)
        self.generator, self.margin = generator, margin
        self.network = getattr(generator, "network", None)  # where its weights are saved from and loaded into

    @property
    def condition_channels(self) -> int:
        """Channels of the other generator's condition, the image, and whether there is one."""
        return self.generator.condition_channels + self.image_channels + 1

    @property
    def name(self) -> str:
        """What messages call this generator."""
        return f"EditingGenerator({self.generator.name})"

    def encode(self, label: Tensor, image: Tensor | None = None) -> Tensor:
        """Join the condition, the real image, and a channel of ones where it is known.

        Args:
            label: (B, 1, *S), whole numbers >= 0, 0 = background.
            image: (B, C, *S) in [0, 1], NaN where it is not known; by default nowhere.

        Returns:
            Condition (B, K + C + 1, *S), float32 in [0, 1].
        """
        condition = self.generator.encode(label)
        if image is None:
            image = condition.new_full((len(condition), self.image_channels, *condition.shape[2:]), float("nan"))
        known = torch.isfinite(image).all(dim=1, keepdim=True)
        return torch.cat((condition, image.nan_to_num(0.0).to(condition), known.to(condition)), dim=1)

    def region(self, label: Tensor) -> Tensor:
        """Give the objects and the margin around them, (B, 1, *S)."""
        return _dilate(label > 0, self.margin)

    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make images (B, C, *S) in [0, 1]: of the other generator, blended into the real one where it is known."""
        k = self.generator.condition_channels
        inner, real, known = condition[:, :k], condition[:, k:-1], condition[:, -1:]
        synthetic = self.generator.generate(inner, seeds=seeds)
        rewritten = (inner.amax(dim=1, keepdim=True) > 0.5) | (known < 0.5)
        ring = _dilate(rewritten, self.margin) & ~rewritten
        matched = (synthetic + _mean_where(real - synthetic, ring)).clamp(0.0, 1.0)
        grown = [_dilate(rewritten, step).float() for step in range(self.margin)]
        alpha = torch.stack(grown).mean(dim=0)  # (B, 1, *S), 1 on objects, falling to 0 over the margin
        return alpha * matched + (1.0 - alpha) * real


def _dilate(mask: Tensor, steps: int) -> Tensor:
    """Grow a mask (B, 1, *S) by cubes of `steps` voxels to each side."""
    pool = functional.max_pool2d if mask.ndim == 4 else functional.max_pool3d
    return pool(mask.float(), kernel_size=2 * steps + 1, stride=1, padding=steps) > 0.5


def _mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Average values (B, C, *S) over a mask (B, 1, *S); (B, C, 1, ...), 0 where the mask is empty."""
    axes = tuple(range(2, values.ndim))
    total = (values * where).sum(axes, keepdim=True)
    return total / where.sum(axes, keepdim=True).clamp_min(1)
