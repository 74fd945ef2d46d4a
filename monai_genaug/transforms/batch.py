"""Generative augmentation of whole batches, on the device, after collate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.engines import PrepareBatch
from monai.transforms import Randomizable
from torch import Tensor

from monai_genaug._checks import check_probability, check_range
from monai_genaug._rng import MAX_SEED, derive_seed, draw_seed
from monai_genaug._tensors import take_from_batch
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.handle import GeneratorHandle, as_handle
from monai_genaug.synthesis import Accept, synthesize


class GenerativePrepareBatch(PrepareBatch, Randomizable):
    """Replaces rows of a batch by synthetic pairs, for the `prepare_batch` of MONAI's `SupervisedTrainer`.

    Which rows, and by what, follows from `seed` and the batch's ``"draw"`` numbers, where its loader gives them (as
    `monai_genaug.training.SeededLoader` does); else it is drawn from the random state, as MONAI's transforms draw.

    Args:
        generator: a folder that training wrote, the name of a shipped bundle, a handle or a live generator.
        prob: probability that a row is replaced.
        mask_sampler: makes a new label first; None keeps labels.
        accept: see `synthesize`.
        value_range: intensities (low, high) of the batch that stand for the generator's 0 and 1.
        seed: of what is drawn.
        device: where the network of a folder or bundle runs: that of the training.
        label_transform: makes targets of whole label maps (B, 1, *S) at the end, such as ``lambda label: label > 0``.
        image_key: of the images (B, C, *S) in the batch.
        label_key: of the labels (B, 1, *S), whole numbers.

    Raises:
        ValueError: if an argument is out of its range.
        FileNotFoundError: if there is no such generator.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> generator = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1,
        ...                             encoding=BinaryEncoding(), output_range=(0, 1))
        >>> prepare = GenerativePrepareBatch(generator, prob=1.0)
        >>> prepare({"image": torch.rand(1, 1, 1, 2), "label": torch.tensor([[[[0, 1]]]])}, device="cpu")[0]
        tensor([[[[0., 1.]]]])
    """

    def __init__(
        self,
        generator: str | os.PathLike[str] | GeneratorHandle | ConditionalGenerator,
        prob: float = 0.1,
        *,
        mask_sampler: Randomizable | None = None,
        accept: Accept | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
        device: str | torch.device = "cpu",
        label_transform: Callable[[Tensor], Tensor] | None = None,
        image_key: str = "image",
        label_key: str = "label",
    ) -> None:
        self.prob = check_probability("prob", prob)
        self.handle = as_handle(generator, device)
        self.mask_sampler, self.accept, self.value_range = mask_sampler, accept, check_range("value_range", value_range)
        self.seed, self.label_transform = seed, label_transform
        self.image_key, self.label_key = image_key, label_key
        self.set_random_state(seed=derive_seed(seed, "batch") % 2**32)

    def __call__(
        self,
        batchdata: Mapping[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor]:
        """Give image (B, C, *S) and label or target (B, 1, *S) on the device."""
        image, label = take_from_batch(batchdata, (self.image_key, self.label_key), device, non_blocking, **kwargs)
        seeds = self._draw(batchdata, len(image))
        rows = [row for row, seed in enumerate(seeds) if derive_seed(seed, "apply") < self.prob * MAX_SEED]
        if rows:
            made = synthesize(
                self.handle.load(),
                label[rows],
                [seeds[row] for row in rows],
                images=image[rows],
                mask_sampler=self.mask_sampler,
                accept=self.accept,
                value_range=self.value_range,
            )
            image, label = (_replace(*pair, rows) for pair in ((image, made.images), (label, made.labels)))
        return image, label if self.label_transform is None else self.label_transform(label)

    def _draw(self, batchdata: Mapping[str, Any], count: int) -> list[int]:
        if "draw" not in batchdata:
            return [draw_seed(self.R) for _ in range(count)]
        return [derive_seed(self.seed, "row", int(draw)) for draw in batchdata["draw"]]


def _replace(batch: Tensor, made: Tensor, rows: list[int]) -> Tensor:
    """Give a batch with some rows replaced; rows are stacked, since torch cannot write into every integer type."""
    new = dict(zip(rows, made, strict=True))
    return torch.stack([new.get(row, kept) for row, kept in enumerate(batch)])
