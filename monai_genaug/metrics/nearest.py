"""How near an image comes to the nearest training image: a check for copies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product

import torch
from torch import Tensor
from torch.nn import functional

STACK_ELEMENTS = 2**18  # of images that are transformed at once: a few megabytes


def nearest_distance(patches: Tensor, images: Sequence[Tensor], *, min_std: float = 0.02) -> Tensor:
    """Measure how far each patch is from the most similar place in any of the images.

    The distance is 1 - r, where r is the greatest normalised cross-correlation (Lewis 1995) of the patch with a window
    of its size: over all windows that lie wholly in an image, all images, and all orientations of an image, which are
    flips and quarter turns in 2D (8) and flips in 3D (8). Of patch and window the mean of each channel is taken away,
    and both are divided by their norm over all channels. Hence a copy has the distance 0, whatever its place,
    orientation, contrast and brightness (of each channel). What is no copy is the farther the more detail it has.

    A generator copies where its images are nearer to the training images than real images are that it was not trained
    on (Meehan et al. 2020, arXiv:2004.05675): compare the distances of both.

    Args:
        patches: (Q, C, *P), intensities in [0, 1], 2D or 3D.
        images: each (C, *S), intensities in [0, 1]; sizes may differ.
        min_std: windows and patches of a smaller standard deviation (root of the channels' mean variance) are left out,
            since noise decides over their correlation.

    Returns:
        (Q,), float32 in [0, 2]; NaN for a patch that is left out, and where every window is.

    Raises:
        ValueError: if shapes do not fit, patches are larger than every image, or values are not finite.

    Example:
        >>> image = torch.rand(1, 20, 30, generator=torch.Generator().manual_seed(0))
        >>> copied = 0.3 + 0.5 * image[None, :, 4:12, 7:15].flip(3)
        >>> nearest_distance(copied, [image]).abs().item() < 1e-3
        True
    """
    _check(patches, images, min_std)
    size = patches.shape[2:]
    axes = tuple(range(1, patches.ndim))
    centred = (patches - patches.mean(dim=axes[1:], keepdim=True)).double()
    norm = centred.square().sum(dim=axes, keepdim=True).sqrt()
    least = min_std * math.sqrt(centred[:1].numel())
    templates = (centred / norm.clamp_min(torch.finfo(torch.float32).tiny)).float()
    best = [
        _greatest_correlation(templates, turned, least)
        for stack in _stacks(images)
        for turned in orientations(stack.to(patches.device))
        if all(side >= length for side, length in zip(turned.shape[2:], size, strict=True))
    ]
    if not best:
        raise ValueError(f"patches are {tuple(size)}, larger than every image: use smaller patches.")
    greatest = torch.stack(best).amax(dim=0)
    compared = (norm.flatten() >= least) & greatest.isfinite()
    return torch.where(compared, (1.0 - greatest).clamp(0.0, 2.0), math.nan)


def halve(image: Tensor) -> Tensor:
    """Halve the resolution: means of blocks of two voxels along each axis; an odd last voxel is left out.

    Args:
        image: (C, *S), 2D or 3D.

    Returns:
        (C, *S // 2), float32.

    Example:
        >>> halve(torch.tensor([[[0.0, 1.0, 9.0], [2.0, 3.0, 9.0]]]))
        tensor([[[1.5000]]])
    """
    pool = functional.avg_pool2d if image.ndim == 3 else functional.avg_pool3d
    return pool(image.float()[None], 2)[0]


def halve_all_ways(image: Tensor) -> list[Tensor]:
    """Halve the resolution with blocks that begin at the first or at the second voxel of each axis.

    Among these a copy that lies an odd number of voxels from its source finds the same blocks.

    Args:
        image: (C, *S), 2D or 3D, each side at least 3.

    Returns:
        4 images in 2D, 8 in 3D, as of `halve`.

    Example:
        >>> [half.flatten().tolist() for half in halve_all_ways(torch.arange(9.0).reshape(1, 3, 3))]
        [[2.0], [3.0], [5.0], [6.0]]
    """
    starts = product((slice(0, None), slice(1, None)), repeat=image.ndim - 1)
    return [halve(image[(slice(None),) + start]) for start in starts]


def densest_patch(image: Tensor, label: Tensor, size: int) -> Tensor:
    """Crop where the label has most foreground; the first such place in reading order.

    Args:
        image: (C, *S).
        label: (1, *S), foreground > 0: 0 and 1, or shares as `halve` makes of these.
        size: side of the patch, voxels.

    Returns:
        (C, *P), all P equal to `size`.

    Raises:
        ValueError: if label and image differ in size, or the patch is larger than the image.

    Example:
        >>> label = torch.zeros(1, 8, 8)
        >>> label[:, 4:6, 5:7] = 1
        >>> densest_patch(torch.arange(64.0).reshape(1, 8, 8), label, 2)
        tensor([[[37., 38.],
                 [45., 46.]]])
    """
    if tuple(label.shape) != (1, *image.shape[1:]):
        raise ValueError(f"label has shape {tuple(label.shape)}, expected {(1, *image.shape[1:])} to fit the image.")
    if not 1 <= size <= min(image.shape[1:]):
        raise ValueError(
            f"size is {size}, expected 1 to {min(image.shape[1:])}, the image's shortest side: choose less."
        )
    sums = _window_sums(label.double()[None], (size,) * (image.ndim - 1))[0, 0]
    place = torch.unravel_index(sums.argmax(), sums.shape)
    return image[(slice(None),) + tuple(slice(int(start), int(start) + size) for start in place)]


def _check(patches: Tensor, images: Sequence[Tensor], min_std: float) -> None:
    """Refuse what cannot be compared."""
    if patches.ndim not in (4, 5) or not patches.numel():
        raise ValueError(
            f"patches have shape {tuple(patches.shape)}, expected (Q, C, *P) of 2 or 3 dims, Q at least 1."
        )
    if not min_std > 0:
        raise ValueError(f"min_std is {min_std}, expected a standard deviation above 0, such as 0.02.")
    if not images:
        raise ValueError("there are no images to compare with, expected at least one.")
    wrong = next(
        (image for image in images if (image.ndim, image.shape[0]) != (patches.ndim - 1, patches.shape[1])), None
    )
    if wrong is not None:
        raise ValueError(
            f"an image has shape {tuple(wrong.shape)}, patches have {tuple(patches.shape)}, expected images (C, *S) of "
            "their channels and dimensions."
        )
    if not (patches.isfinite().all() and all(image.isfinite().all() for image in images)):
        raise ValueError("patches or images hold NaN or Inf, expected intensities in [0, 1].")


def _stacks(images: Sequence[Tensor]) -> Iterator[Tensor]:
    """Give images of equal size together, (N, C, *S), float32, as many as fit into memory easily."""
    by_shape: dict[torch.Size, list[Tensor]] = {}
    for image in images:
        by_shape.setdefault(image.shape, []).append(image)
    for shape, group in by_shape.items():
        count = max(1, STACK_ELEMENTS // shape.numel())
        for start in range(0, len(group), count):
            yield torch.stack(group[start : start + count]).float()


def orientations(stack: Tensor) -> Iterator[Tensor]:
    """Give a stack (N, C, *S) in its 8 orientations: flips and quarter turns in 2D, flips in 3D.

    Example:
        >>> len(list(orientations(torch.zeros(1, 1, 2, 3))))
        8
    """
    axes = tuple(range(2, stack.ndim))
    if len(axes) == 2:
        for turns in range(4):
            turned = torch.rot90(stack, turns, axes)
            yield turned
            yield turned.flip(axes[0])
        return
    for count in range(4):
        for flipped in combinations(axes, count):
            yield stack.flip(flipped)


def _greatest_correlation(templates: Tensor, stack: Tensor, least: float) -> Tensor:
    """Greatest correlation of templates (Q, C, *P) of mean 0 and norm 1 with windows of a stack (N, C, *S), or -inf."""
    size, sides = templates.shape[2:], stack.shape[2:]
    axes = tuple(range(2, stack.ndim))
    stack = stack - stack.mean(dim=axes, keepdim=True)  # for precision: the result is the same
    norms = _window_norms(stack, size)  # (N, *V)
    skipped = norms < least
    scale = norms.masked_fill(skipped, 1.0).reciprocal().float()
    padded = tuple(side + -side % 8 for side in sides)  # lengths that transform fast; what wraps around is cut off
    spectra = torch.fft.rfftn(stack, s=padded, dim=axes)
    valid = (slice(None), *(slice(0, side - length + 1) for side, length in zip(sides, size, strict=True)))
    best = []
    for template in templates:
        joint = (spectra * torch.fft.rfftn(template, s=padded).conj()).sum(dim=1)
        maps = torch.fft.irfftn(joint, s=padded, dim=tuple(axis - 1 for axis in axes))[valid]  # (N, *V)
        best.append((maps * scale).masked_fill_(skipped, -math.inf).amax())
    return torch.stack(best)


def _window_norms(stack: Tensor, size: Sequence[int]) -> Tensor:
    """Norm over all channels of each window of a stack (N, C, *S), means taken away: (N, *V), float64."""
    values = stack.double()
    sums = _window_sums(values, size)
    squares = _window_sums(values.square(), size)
    return (squares - sums.square() / math.prod(size)).sum(dim=1).clamp_min(0.0).sqrt()


def _window_sums(values: Tensor, size: Sequence[int]) -> Tensor:
    """Sum each window of (N, C, *S) that lies wholly inside: (N, C, *V)."""
    for axis, length in enumerate(size, start=2):
        sums = values.cumsum(dim=axis)
        before = functional.pad(sums.narrow(axis, 0, values.shape[axis] - length).movedim(axis, -1), (1, 0))
        values = sums.narrow(axis, length - 1, values.shape[axis] - length + 1) - before.movedim(-1, axis)
    return values
