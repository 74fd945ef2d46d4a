"""The one function behind every way of augmenting: labels and seeds in, image and label pairs out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from monai.transforms import Randomizable
from torch import Tensor

from monai_genaug._checks import check_label, check_range
from monai_genaug._intensities import check_intensities, to_dtype
from monai_genaug._rng import derive_seed
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.quality.gate import Gate

Accept = Callable[[Tensor, Tensor], Tensor]
MAX_TRIES = 5


class Synthesis(NamedTuple):
    """Pairs of image and label.

    Args:
        images: (B, C, *S) in the chain's intensities.
        labels: (B, 1, *S), of the type that came in.
        accepted: (B,) bool; a row that is False holds what came in.
    """

    images: Tensor
    labels: Tensor
    accepted: Tensor


def synthesize(
    generator: ConditionalGenerator,
    labels: Tensor,
    seeds: Sequence[int],
    *,
    images: Tensor | None = None,
    mask_sampler: Randomizable | None = None,
    accept: Accept | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
) -> Synthesis:
    """Make one image and label for each label and seed; a pair is a function of (label, image, seed) alone.

    Args:
        generator: makes the images.
        labels: (B, 1, *S), whole numbers >= 0.
        seeds: B integers, from which masks, images and further tries derive.
        images: (B, C, *S) real images in the chain's intensities: kept outside the generator's region bit for bit and
            where no try is accepted; they say the type of the result. Without them it is float32.
        mask_sampler: makes a new label (1, *S) of each label (int64) first; its random state is set by the seed.
        accept: ``accept(images, labels)`` with images (b, C, *S) in [0, 1] says for each row whether it may be used;
            rows that may not are drawn again from derived seeds, at most 5 times in all.
        value_range: where the generator's 0 and 1 lie in the chain's intensities.

    Returns:
        The pairs, with whether each was accepted.

    Raises:
        ValueError: if shapes, label values, channels or intensities do not fit the generator.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> generator = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1,
        ...                             encoding=BinaryEncoding(), output_range=(0, 1))
        >>> label = torch.tensor([[[[0, 1], [2, 0]]]])
        >>> synthesize(generator, label, [7], value_range=(0, 255)).images
        tensor([[[[  0., 255.],
                  [255.,   0.]]]])
    """
    low, high = check_range("value_range", value_range)
    labels = as_plain_tensor(labels)
    if len(seeds) != labels.shape[0]:
        raise ValueError(f"got {len(seeds)} seeds for {labels.shape[0]} labels: give one seed a row.")
    if images is not None:
        images = as_plain_tensor(images)
        _check_images(generator, images, labels, (low, high))
    new_labels = labels if mask_sampler is None else sample_masks(mask_sampler, labels, seeds)

    made, made_labels = [], list(new_labels)  # rows, since torch cannot write into batches of every integer type
    accepted = torch.zeros(len(seeds), dtype=torch.bool)
    rows = list(range(len(seeds)))
    for attempt in range(MAX_TRIES if accept is not None else 1):
        row_seeds = [derive_seed(seeds[row], "image", attempt) for row in rows]
        real = None if images is None else images[rows]
        batch = _compose(generator, labels[rows], new_labels[rows], row_seeds, real, (low, high))
        if attempt == 0:
            made = list(batch)
        for row, image, ok in zip(rows, batch, _verdict(accept, batch, new_labels[rows], (low, high)), strict=True):
            made[row] = image
            accepted[row] = ok
        rows = [row for row in rows if not accepted[row]]
        if not rows:
            break
    if isinstance(accept, Gate):
        accept.settle(accepted)
    for row in rows:
        made_labels[row] = labels[row]
        if images is not None:
            made[row] = images[row]
    if not made:
        return Synthesis(batch, new_labels, accepted)
    return Synthesis(torch.stack(made), torch.stack(made_labels), accepted)


def _verdict(accept: Accept | None, images: Tensor, labels: Tensor, value_range: tuple[float, float]) -> list[bool]:
    """Ask whether rows may be used."""
    if accept is None:
        return [True] * len(images)
    low, high = value_range
    passed = torch.as_tensor(accept((images.float() - low) / (high - low), labels), dtype=torch.bool).flatten().tolist()
    if len(passed) != len(images):
        raise ValueError(f"accept gave {len(passed)} answers for {len(images)} images: it must give one for each row.")
    return passed


def sample_masks(mask_sampler: Randomizable, labels: Tensor, seeds: Sequence[int]) -> Tensor:
    """Make a new label of each label and seed.

    Args:
        mask_sampler: its random state is set by each seed.
        labels: (B, 1, *S), whole numbers >= 0.
        seeds: B integers.

    Returns:
        (B, 1, *S), of the labels' type.

    Raises:
        ValueError: if the sampler changes the shape, or the type cannot hold the new values.
    """
    rows = []
    for label, seed in zip(check_label(labels), seeds, strict=True):
        mask_sampler.set_random_state(seed=derive_seed(seed, "mask") % 2**32)
        new = mask_sampler(label)
        if tuple(new.shape) != tuple(label.shape):
            raise ValueError(
                f"{type(mask_sampler).__name__} turned a label of shape {tuple(label.shape)} into "
                f"{tuple(new.shape)}: a mask sampler must keep the shape."
            )
        whole = as_plain_tensor(torch.as_tensor(new))
        kept = whole.to(labels)
        if not torch.equal(kept.to(whole), whole):
            raise ValueError(
                f"{type(mask_sampler).__name__} made values up to {int(whole.max())}, which the label's type "
                f"{labels.dtype} cannot hold: convert labels before with CastToTyped(keys, dtype=torch.int32)."
            )
        rows.append(kept)
    return torch.stack(rows) if rows else labels


def _compose(
    generator: ConditionalGenerator,
    old_labels: Tensor,
    labels: Tensor,
    seeds: Sequence[int],
    images: Tensor | None,
    value_range: tuple[float, float],
) -> Tensor:
    """Sample, map to the chain's intensities and type, and keep what is outside the generator's region.

    The region is that of the new label and of the old one, whose objects the generator does not get to see.
    """
    low, high = value_range
    region = None if images is None else generator.region(labels)
    unit = None
    if images is not None:
        unit = ((images.float() - low) / (high - low)).clamp(0.0, 1.0)
        if region is not None:
            old_region = generator.region(old_labels)
            region = region if old_region is None else region | old_region
            unit = unit.masked_fill(old_labels.to(torch.int64) > 0, float("nan"))
    synthetic = generator.sample(generator.encode(labels, unit), seeds=seeds) * (high - low) + low
    if images is None:
        return synthetic.to(labels.device)
    synthetic = to_dtype(synthetic, images.dtype).to(images.device)
    return synthetic if region is None else torch.where(region.to(images.device), synthetic, images)


def _check_images(
    generator: ConditionalGenerator, images: Tensor, labels: Tensor, value_range: tuple[float, float]
) -> None:
    expected = (labels.shape[0], generator.image_channels, *labels.shape[2:])
    if tuple(images.shape) != expected:
        raise ValueError(
            f"images have shape {tuple(images.shape)}, {generator.name} and labels of shape {tuple(labels.shape)} need "
            f"{expected}: pick or add channels before, crop image and label together, or use a generator trained on "
            "such images."
        )
    check_intensities(images, value_range, transform="GenerativeAugmentd")
    if not images.numel():
        return
    low, high = value_range
    lowest, highest = (bound.item() for bound in images.float().aminmax())
    shows_objects = bool(labels.to(torch.int64).any())  # a crop of background may well be flat
    if images.dtype.is_floating_point and shows_objects and 0 < highest - lowest < 0.01 * (high - low):
        warnings.warn(
            f"the image spans {lowest:g} to {highest:g}, under 1% of value_range=({low:g}, {high:g}): synthetic images "
            "would be far brighter; pass the value_range that the image has at this place.",
            stacklevel=3,
        )
