"""How near a synthetic image comes to the real image of its mask, voxel by voxel and window by window."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from monai.metrics import MAEMetric, MultiScaleSSIMMetric, PSNRMetric, SSIMMetric
from torch import Tensor

from monai_genaug._tensors import as_plain_tensor

WINDOW = 11  # voxels, of the Gaussian windows of standard deviation 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, from fine to coarse
SMALLEST_VIF = 41  # pixels, that four scales need
FLAT = 1e-5  # of the range, less than one level of 16 bits
TOLERANCE = 1e-3  # of the range, by which rounding may lead out of it


def score_images(
    real: Tensor,
    synthetic: Tensor,
    *,
    data_range: float = 1.0,
    lpips: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> dict[str, float]:
    """Compare a synthetic image with a real one in every way that their size and their dimensions permit.

    Args:
        real: (C, *S) in [0, `data_range`], 2D or 3D.
        synthetic: of the same shape and range.
        data_range: greatest intensity that there can be.
        lpips: see `perceptual_distance`.

    Returns:
        ``"mae"``: mean absolute error; ``"nmse"``: `normalized_squared_error`; ``"psnr"``: peak signal-to-noise ratio,
        dB, infinite for equal images; ``"ssim"``: `structural_similarity`; ``"ms_ssim"``:
        `multiscale_structural_similarity`, NaN for a side below 22 voxels; ``"uqi"``: `universal_quality_index`, NaN
        below 11 voxels; ``"vif"``: `visual_information_fidelity`, NaN in 3D, below 41 pixels and where a channel of the
        real image is flat; ``"lpips"`` only where a network is given: `perceptual_distance`, NaN in 3D and for other
        than 1 or 3 channels.

    Raises:
        ValueError: if the shapes differ, values are not finite or lie outside of the range, or a package is missing.

    Example:
        >>> image = torch.rand(1, 48, 48, generator=torch.Generator().manual_seed(0))
        >>> {name: round(score, 3) for name, score in score_images(image, image).items()}
        {'mae': 0.0, 'nmse': 0.0, 'psnr': inf, 'ssim': 1.0, 'ms_ssim': 1.0, 'uqi': 1.0, 'vif': 1.0}
    """
    real, synthetic = check_pair(real, synthetic, data_range=data_range)
    scores = {
        "mae": float(MAEMetric()(synthetic[None], real[None])),
        "nmse": normalized_squared_error(real, synthetic, data_range=data_range),
        "psnr": float(PSNRMetric(max_val=data_range)(synthetic[None], real[None])),
        "ssim": structural_similarity(real, synthetic, data_range=data_range),
        "ms_ssim": multiscale_structural_similarity(real, synthetic, data_range=data_range),
        "uqi": universal_quality_index(real, synthetic, data_range=data_range),
        "vif": visual_information_fidelity(real, synthetic, data_range=data_range),
    }
    if lpips is not None:
        scores["lpips"] = perceptual_distance(lpips, real, synthetic, data_range=data_range)
    return scores


def normalized_squared_error(real: Tensor, synthetic: Tensor, *, data_range: float = 1.0) -> float:
    """Give the sum of squared differences as a share of the real image's sum of squares.

    Args:
        real: see `score_images`.
        synthetic: likewise.
        data_range: likewise.

    Returns:
        0 for equal images, 1 for a black synthetic image; NaN where the real image is black.

    Example:
        >>> normalized_squared_error(torch.full((1, 2, 2), 0.5), torch.full((1, 2, 2), 0.75))
        0.25
    """
    real, synthetic = check_pair(real, synthetic, data_range=data_range)
    energy = float(real.double().square().sum())
    return float((real.double() - synthetic.double()).square().sum()) / energy if energy else math.nan


def structural_similarity(real: Tensor, synthetic: Tensor, *, data_range: float = 1.0) -> float:
    """Give the mean structural similarity of all windows that lie in the image (Wang et al. 2004).

    Args:
        real: see `score_images`.
        synthetic: likewise.
        data_range: likewise.

    Returns:
        SSIM in [-1, 1], mean over channels; of Gaussian windows 11 voxels wide, and only as wide as the image along an
        axis that is shorter.

    Example:
        >>> round(structural_similarity(torch.full((1, 16, 16), 0.5), torch.full((1, 16, 16), 0.25)), 3)
        0.8
    """
    real, synthetic = check_pair(real, synthetic, data_range=data_range)
    window = [min(WINDOW, side) for side in real.shape[1:]]
    metric = SSIMMetric(spatial_dims=real.ndim - 1, data_range=data_range, win_size=window)
    return float(metric(synthetic[None], real[None]))


def multiscale_structural_similarity(real: Tensor, synthetic: Tensor, *, data_range: float = 1.0) -> float:
    """Give the structural similarity over several resolutions (Wang et al. 2003), as many as the size permits.

    Args:
        real: see `score_images`.
        synthetic: likewise.
        data_range: likewise.

    Returns:
        MS-SSIM in [0, 1], a negative mean of a scale counting as 0. MONAI takes 5 scales where the shortest side has
        176 voxels, 4 from 99, 3 from 44, 2 from 22; the weights of those that there are are divided by their sum. NaN
        below 22 voxels. Hence images of different sizes are not to be compared.

    Example:
        >>> image = torch.rand(1, 22, 30, generator=torch.Generator().manual_seed(0))
        >>> round(multiscale_structural_similarity(image, image), 3)
        1.0
        >>> multiscale_structural_similarity(image[:, 1:], image[:, 1:])
        nan
    """
    real, synthetic = check_pair(real, synthetic, data_range=data_range)
    count = _count_scales(min(real.shape[1:]))
    if count < 2:
        return math.nan
    weights = [weight / sum(SCALE_WEIGHTS[:count]) for weight in SCALE_WEIGHTS[:count]]
    metric = MultiScaleSSIMMetric(real.ndim - 1, data_range, kernel_size=WINDOW, weights=weights)
    return float(metric(synthetic[None], real[None]))


def universal_quality_index(real: Tensor, synthetic: Tensor, *, data_range: float = 1.0) -> float:
    """Give the universal image quality index (Wang & Bovik 2002), which is SSIM without its constants.

    Args:
        real: see `score_images`.
        synthetic: likewise.
        data_range: likewise; windows in which an image varies by less than 1e-5 of it are flat.

    Returns:
        Mean over windows and channels, in [-1, 1]; NaN for a side below 11 voxels. Windows are those of SSIM, while the
        paper takes squares of 8 pixels. Where both images are flat, with values a and b, a window counts as
        2ab / (a² + b²), or 1 if both are black, as in the authors' own program; where one alone is flat, as 0.

    Raises:
        ValueError: as `score_images`.

    Example:
        >>> black = torch.zeros(1, 16, 16)
        >>> universal_quality_index(black, black), round(universal_quality_index(black + 0.5, black + 0.25), 3)
        (1.0, 0.8)
    """
    images = [image.double().cpu().numpy() for image in check_pair(real, synthetic, data_range=data_range)]
    if min(real.shape[1:]) < WINDOW:
        return math.nan
    _check_extra("skimage", "scikit-image")
    from scipy import ndimage
    from skimage.metrics import structural_similarity as similarity

    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "K1": 0.0, "K2": 0.0}
    with np.errstate(divide="ignore", invalid="ignore"):  # of flat windows
        _, indices = similarity(*images, channel_axis=0, data_range=data_range, full=True, **options)
    size = (1,) + (WINDOW,) * (real.ndim - 1)
    a, b = (ndimage.maximum_filter(image, size) for image in images)
    low_a, low_b = (ndimage.minimum_filter(image, size) for image in images)
    squares = a**2 + b**2
    light = np.divide(2 * a * b, squares, out=np.ones_like(a), where=squares > 0)
    flat = np.maximum(a - low_a, b - low_b) < FLAT * data_range
    inside = (slice(None),) + tuple(slice(WINDOW // 2, side - WINDOW // 2) for side in real.shape[1:])
    return float(np.where(flat, light, indices.clip(-1.0, 1.0))[inside].mean())


def visual_information_fidelity(real: Tensor, synthetic: Tensor, *, data_range: float = 1.0) -> float:
    """Give the share of the real image's information that the synthetic one holds (Sheikh & Bovik 2006, pixel domain).

    Args:
        real: see `score_images`.
        synthetic: likewise.
        data_range: likewise; mapped to 255, for which the noise of the visual model (variance 2) is meant.

    Returns:
        VIF, from 0 upwards, 1 for equal images and more for one of greater contrast; mean over channels. NaN in 3D,
        below 41 pixels, and where a channel of the real image is flat.

    Raises:
        ValueError: as `score_images`.

    Example:
        >>> image = 0.5 * torch.rand(1, 41, 41, generator=torch.Generator().manual_seed(0))
        >>> visual_information_fidelity(image, 1.5 * image) > 1
        True
    """
    real, synthetic = check_pair(real, synthetic, data_range=data_range)
    if real.ndim != 3 or min(real.shape[1:]) < SMALLEST_VIF:
        return math.nan
    _check_extra("torchmetrics", "torchmetrics")
    from torchmetrics.functional import image as measures

    # VIF does not hang on brightness; around 0, variances lose no digits, and what is flat stays flat
    pair = (image - image.flatten(1).median(dim=1).values[:, None, None] for image in (synthetic, real))
    return float(measures.visual_information_fidelity(*(image[None] * (255.0 / data_range) for image in pair)))


def perceptual_distance(
    lpips: Callable[[Tensor, Tensor], Tensor], real: Tensor, synthetic: Tensor, *, data_range: float = 1.0
) -> float:
    """Give the distance of two images in a network's features, such as LPIPS (Zhang et al. 2018).

    No network comes with this package, and none is downloaded by it. torchmetrics, with torchvision, has LPIPS::

        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
        lpips = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)

    torchvision downloads AlexNet's weights where ``$TORCH_HOME/hub/checkpoints/alexnet-owt-7be5be79.pth`` is missing:
    put your file there first. The layers above it come with torchmetrics.

    Args:
        lpips: takes two batches (1, 3, H, W) in [0, 1] and gives their distances; a channel alone is repeated.
        real: see `score_images`.
        synthetic: likewise.
        data_range: likewise.

    Returns:
        What the network says, 0 for equal images; NaN in 3D and for other than 1 or 3 channels.

    Example:
        >>> black, white = torch.zeros(1, 8, 8), torch.ones(1, 8, 8)
        >>> perceptual_distance(lambda a, b: (a - b).abs().mean(dim=(1, 2, 3)), black, white)
        1.0
    """
    real, synthetic = check_pair(real, synthetic, data_range=data_range)
    if real.ndim != 3 or len(real) not in (1, 3):
        return math.nan
    pair = ((image / data_range).clamp(0.0, 1.0).expand(1, 3, -1, -1) for image in (real, synthetic))
    with torch.no_grad():
        return float(lpips(*pair).mean())


def check_pair(real: Tensor, synthetic: Tensor, *, data_range: float = 1.0) -> tuple[Tensor, Tensor]:
    """Give both images as plain float32; raise ValueError where they cannot be compared.

    Example:
        >>> _ = check_pair(torch.zeros(1, 4, 4), torch.zeros(1, 4, 5))
        Traceback (most recent call last):
            ...
        ValueError: the real image has shape (1, 4, 4), the synthetic one (1, 4, 5), expected equal shapes: ...
    """
    if real.shape != synthetic.shape:
        raise ValueError(
            f"the real image has shape {tuple(real.shape)}, the synthetic one {tuple(synthetic.shape)}, expected equal "
            "shapes: pair each synthetic image with the real image of its mask."
        )
    return (
        check_image("the real image", real, data_range=data_range),
        check_image("the synthetic image", synthetic, data_range=data_range),
    )


def check_image(name: str, image: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Give an image (C, *S) in [0, `data_range`] as plain float32; raise ValueError where it is none.

    Example:
        >>> check_image("the image", torch.zeros(1, 1, 2, dtype=torch.uint8))
        tensor([[[0., 0.]]])
    """
    if not 0.0 < data_range < math.inf:
        raise ValueError(f"data_range is {data_range}, expected a finite number above 0, such as 1.")
    if image.ndim not in (3, 4) or not image.numel():
        raise ValueError(f"{name} has shape {tuple(image.shape)}, expected (C, *S) of 2 or 3 dimensions.")
    plain = as_plain_tensor(image).detach().float()
    lowest, highest = (bound.item() for bound in plain.aminmax())  # NaN if any value is
    if not math.isfinite(lowest + highest):
        raise ValueError(f"{name} holds NaN or Inf, expected finite intensities: find out where they come from.")
    if lowest < -TOLERANCE * data_range or highest > (1.0 + TOLERANCE) * data_range:
        raise ValueError(
            f"{name} has values from {lowest:g} to {highest:g}, expected [0, {data_range:g}]: scale it with "
            "ScaleIntensityRange."
        )
    return plain


def _count_scales(side: int) -> int:
    """Count the scales for which windows fit and which MONAI accepts, of an image's shortest side."""
    return sum(side >> (n - 1) >= WINDOW and side // max(1, (n - 1) ** 2) >= WINDOW for n in range(1, 6))


def _check_extra(module: str, name: str) -> None:
    """Raise ValueError where a package is missing."""
    if find_spec(module) is None:
        raise ValueError(f"{name} is missing, which computes UQI or VIF: pip install 'monai_genaug[metrics]'.")
