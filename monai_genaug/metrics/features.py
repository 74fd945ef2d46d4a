"""Feature vectors of images, by which sets of images are compared as distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_at_least, check_spatial_dims
from monai_genaug._rng import derive_seed
from monai_genaug._tensors import as_plain_tensor

VOXELS_AT_ONCE = 2**22  # bounds the memory of large volumes whatever the batch size
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SOURCE = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE}"


class RandomFeatures(nn.Module):
    """Means and standard deviations of the channels of a fixed convolutional network with random weights.

    Networks of random weights compare images that are unlike the photographs of ImageNet more fairly than networks
    that were trained on those (Naeem et al. 2020, arXiv:2002.09797), and nothing has to be downloaded. At each of four
    scales a convolution, 3 wide, is followed by a leaky ReLU; the next scale is a mean over two voxels along each axis.
    Weights are scaled as in He et al. 2015, eq. 15, so that features keep their size from scale to scale. Half of the
    filters sum to 0 and so see texture whatever the brightness, which would outweigh it in the others. A standard
    deviation s is given as ``log(s / 0.1 + 0.1)``, so that blur and noise count at low contrast too. Any image size is
    taken; borders are repeated, so that they look like no edge.

    Args:
        spatial_dims: 2 or 3.
        image_channels: channels C of the images.
        seed: of the weights; features of two seeds cannot be compared.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> RandomFeatures(2, 1)(torch.rand(5, 1, 40, 30)).shape
        torch.Size([5, 256])
    """

    channels = (16, 32, 32, 48)
    slope = 0.2

    def __init__(self, spatial_dims: int, image_channels: int, seed: int = 0) -> None:
        super().__init__()
        check_at_least(1, image_channels=image_channels)
        self.spatial_dims, self.image_channels = check_spatial_dims(spatial_dims), image_channels
        generator = torch.Generator().manual_seed(derive_seed(seed, "random features", spatial_dims, image_channels))
        sizes = (image_channels, *self.channels)
        for scale, (before, after) in enumerate(pairwise(sizes)):
            shape = (after, before, *(3,) * spatial_dims)
            gain = math.sqrt(2 / ((1 + self.slope**2) * math.prod(shape[1:])))
            weight = gain * torch.randn(shape, generator=generator)
            half = weight[: after // 2]
            half -= half.mean(dim=tuple(range(2, weight.ndim)), keepdim=True)
            self.register_buffer(f"weight_{scale}", weight)
            self.register_buffer(f"bias_{scale}", 0.5 * torch.randn(after, generator=generator))
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Turn images (B, C, *S) in [0, 1] into features (B, 256), float32."""
        if image.ndim != 2 + self.spatial_dims or image.shape[1] != self.image_channels:
            raise ValueError(
                f"images have shape {tuple(image.shape)}, expected (B, {self.image_channels}, *S) of "
                f"{self.spatial_dims} spatial dims: make the extractor for these images."
            )
        convolve = functional.conv2d if self.spatial_dims == 2 else functional.conv3d
        axes = tuple(range(2, image.ndim))
        h = 2.0 * image.float() - 1.0
        features = []
        for scale in range(len(self.channels)):
            h = _halve(h) if scale else h  # (B, F, *S / 2)
            h = functional.pad(h, (1, 1) * self.spatial_dims, mode="replicate")
            h = convolve(h, self.get_buffer(f"weight_{scale}"), self.get_buffer(f"bias_{scale}"))
            h = functional.leaky_relu(h, self.slope)
            features += [h.mean(dim=axes), (h.std(dim=axes, correction=0) / 0.1 + 0.1).log()]
        return torch.cat(features, dim=1)


def _halve(h: Tensor) -> Tensor:
    """Average over blocks of two voxels along each axis; an odd last voxel counts twice."""
    odd = [side for length in reversed(h.shape[2:]) for side in (0, length % 2)]
    pool = functional.avg_pool2d if h.ndim == 4 else functional.avg_pool3d
    return pool(functional.pad(h, odd, mode="replicate"), 2)


class _InceptionFeatures(nn.Module):
    """Gives images (B, 1 or 3, H, W) in [0, 1] to an Inception network of 8-bit colour images."""

    def __init__(self, network: nn.Module, image_channels: int) -> None:
        super().__init__()
        self.network, self.image_channels = network, image_channels

    def forward(self, image: Tensor) -> Tensor:
        colour = image.expand(-1, 3, -1, -1) if self.image_channels == 1 else image
        return self.network((255.0 * colour).round().clamp(0.0, 255.0).to(torch.uint8))


def load_extractor(name_or_path: str | Path, *, spatial_dims: int, image_channels: int) -> nn.Module:
    """Make the network that turns images into features; nothing is ever downloaded.

    A TorchScript file holds a program: load none that a stranger made. The file's network is called with images
    (B, C, *S), float32 in [0, 1], and has to give (B, D) or (B, D, 1, 1).

    Args:
        name_or_path: ``"random"`` for `RandomFeatures`; ``"inception"`` for the 2048 features of the Frechet inception
            distance (Heusel et al. 2017), of 2D images of 1 or 3 channels; or a TorchScript file.
        spatial_dims: 2 or 3.
        image_channels: channels C of the images.

    Returns:
        A module in evaluation mode, on the CPU.

    Raises:
        ValueError: if there is no such file or it is no TorchScript, the weights of Inception are missing, or it cannot
            take such images.

    Example:
        >>> type(load_extractor("random", spatial_dims=3, image_channels=2)).__name__
        'RandomFeatures'
    """
    check_spatial_dims(spatial_dims)
    if name_or_path == "random":
        return RandomFeatures(spatial_dims, image_channels)
    if name_or_path == "inception":
        return _load_inception(spatial_dims, image_channels)
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        raise ValueError(f"extractor is {str(name_or_path)!r}, expected 'random', 'inception' or a TorchScript file.")
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except RuntimeError as error:
        raise ValueError(
            f"{path} is no TorchScript file: write one with torch.jit.trace(network, image).save(path)."
        ) from error


def _load_inception(spatial_dims: int, image_channels: int) -> nn.Module:
    """Load Inception V3 from torch-fidelity's file in torch's cache."""
    from importlib.util import find_spec

    if spatial_dims != 2 or image_channels not in (1, 3):
        raise ValueError(
            f"images have {spatial_dims} spatial dims and {image_channels} channels, 'inception' takes 2 dims and 1 or "
            "3 channels: pass 'random' or a TorchScript file."
        )
    weights = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    missing = [name for name in ("torchmetrics", "torch_fidelity") if find_spec(name) is None]
    if missing or not weights.is_file():
        raise ValueError(
            "extractor 'inception' needs the packages torchmetrics and torch-fidelity (missing: "
            f"{', '.join(missing) or 'none'}) and the file {weights} ({'found' if weights.is_file() else 'missing'}): "
            f"install them and save {INCEPTION_SOURCE} there, or pass 'random' or a TorchScript file."
        )
    from torchmetrics.image.fid import NoTrainInceptionV3

    network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights))
    return _InceptionFeatures(network, image_channels).eval()


def extract_features(images: Sequence[Tensor], extractor: nn.Module, *, batch_size: int = 16) -> NDArray[np.float64]:
    """Turn images into feature vectors, one row an image, in their order.

    Images of one size go through the extractor together, on the device where it lies. It runs in evaluation mode and
    without gradients; its mode and torch's random numbers are then as they were.

    Args:
        images: each (C, *S), intensities in [0, 1]; sizes may differ.
        extractor: gives (B, D) or (B, D, 1, 1) for images (B, C, *S), such as `load_extractor` returns.
        batch_size: images that go through at once, fewer where they are large volumes.

    Returns:
        (N, D), float64.

    Raises:
        ValueError: if there are no images, they are not finite, lie outside [0, 1], or the extractor gives no vectors.

    Example:
        >>> extract_features([torch.rand(1, 30, 40), torch.rand(1, 50, 20)], RandomFeatures(2, 1)).shape
        (2, 256)
    """
    check_at_least(1, batch_size=batch_size)
    _check_images(images)
    first = next(chain(extractor.parameters(), extractor.buffers()), None)
    device = torch.device("cpu") if first is None else first.device
    by_shape: dict[torch.Size, list[int]] = {}
    for index, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(index)
    rows: dict[int, Tensor] = {}
    modes = [(module, module.training) for module in extractor.modules()]
    extractor.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            for shape, indices in by_shape.items():
                count = max(1, min(batch_size, VOXELS_AT_ONCE // shape[1:].numel()))
                for start in range(0, len(indices), count):
                    part = indices[start : start + count]
                    batch = torch.stack([as_plain_tensor(images[index]).float() for index in part]).to(device)
                    rows.update(zip(part, _vectors(extractor(batch), len(part)), strict=True))
    finally:
        for module, training in modes:
            module.training = training
    lengths = sorted({len(row) for row in rows.values()})
    if len(lengths) > 1:
        raise ValueError(f"the extractor gave {lengths} features for images of unequal size, expected one number.")
    return torch.stack([rows[index] for index in range(len(images))]).numpy()


def check_feature_sets(
    real: ArrayLike, synthetic: ArrayLike, *, least_real: int = 2, least_synthetic: int = 2
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two sets of features as float64 arrays; raise ValueError where they cannot be compared.

    Args:
        real: (N, D), one row an image.
        synthetic: (M, D).
        least_real: smallest N.
        least_synthetic: smallest M.

    Returns:
        Arrays (N, D) and (M, D), float64.

    Raises:
        ValueError: if shapes do not fit, rows are too few, or values are not finite.

    Example:
        >>> check_feature_sets([[1, 2], [3, 4]], [[5, 6], [7, 8]])[1].tolist()
        [[5.0, 6.0], [7.0, 8.0]]
    """
    sets = np.asarray(real, dtype=np.float64), np.asarray(synthetic, dtype=np.float64)
    for name, values, least in zip(("real", "synthetic"), sets, (least_real, least_synthetic), strict=True):
        if values.ndim != 2 or not values.shape[1]:
            raise ValueError(f"{name} features have shape {values.shape}, expected (N, D): one row for each image.")
        if len(values) < least:
            raise ValueError(f"there are {len(values)} {name} images, expected at least {least}: pass more.")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} features hold NaN or Inf: check the images and the extractor.")
    if sets[0].shape[1] != sets[1].shape[1]:
        raise ValueError(
            f"real images have {sets[0].shape[1]} features, synthetic ones {sets[1].shape[1]}: use one extractor."
        )
    return sets


def _check_images(images: Sequence[Tensor]) -> None:
    """Refuse what has no features."""
    if not len(images):
        raise ValueError("there are no images, expected at least one.")
    for index, image in enumerate(images):
        if image.ndim not in (3, 4) or not image.numel():
            raise ValueError(f"image {index} has shape {tuple(image.shape)}, expected (C, *S) of 2 or 3 dims.")
        low, high = (bound.item() for bound in as_plain_tensor(image).float().aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"image {index} holds NaN or Inf, expected intensities in [0, 1].")
        if low < -1e-3 or high > 1 + 1e-3:
            raise ValueError(
                f"image {index} spans {low:g} to {high:g}, expected intensities in [0, 1]: scale real and synthetic "
                "images alike, as with ScaleIntensityRange."
            )


def _vectors(output: object, count: int) -> Tensor:
    """Check what an extractor gave for some images: (B, D) or (B, D, 1, ...) to (B, D), float64, on the CPU."""
    if not isinstance(output, Tensor):
        raise ValueError(f"the extractor gave a {type(output).__name__}, expected one tensor (B, D).")
    if output.ndim < 2 or len(output) != count or output[0].numel() != output.shape[1]:
        raise ValueError(
            f"the extractor gave {tuple(output.shape)} for {count} images, expected (B, D) or (B, D, 1, 1): end it "
            "with a global pooling."
        )
    if not output.isfinite().all():
        raise ValueError("the extractor gave NaN or Inf: check its weights and its number format.")
    return output.flatten(1).cpu().double()
