from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve, convolve2d
from skimage.metrics import structural_similarity as skimage_similarity
from torchmetrics.functional.image import universal_image_quality_index

from monai_genaug.metrics.paired import (
    multiscale_structural_similarity,
    normalized_squared_error,
    score_images,
    structural_similarity,
    universal_quality_index,
    visual_information_fidelity,
)

NAMES = ["mae", "nmse", "psnr", "ssim", "ms_ssim", "uqi", "vif"]
SHAPES = [(1, 48, 60), (3, 50, 45), (1, 22, 24, 23), (2, 23, 22, 22)]
IDS = ["2D", "colour", "3D", "3D of two channels"]


def pair(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Make a smooth image, and one that is like it."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.random(shape), (0,) + (2,) * (len(shape) - 1))
    real = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    made = np.clip(0.8 * real + 0.15 * rng.random(shape), 0, 1)
    return torch.from_numpy(real).float(), torch.from_numpy(made).float()


def gaussian_window(dims: int) -> np.ndarray:
    line = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = line
    for _ in range(dims - 1):
        window = np.multiply.outer(window, line)
    return window / window.sum()


def contrast_and_similarity(x: np.ndarray, y: np.ndarray, k1: float = 0.01, k2: float = 0.03) -> tuple[float, float]:
    window = gaussian_window(x.ndim)
    mu_x, mu_y = (convolve(image, window, mode="valid", method="direct") for image in (x, y))
    xx, yy, xy = (convolve(image, window, mode="valid", method="direct") for image in (x * x, y * y, x * y))
    contrast = (2 * (xy - mu_x * mu_y) + k2**2) / (xx - mu_x**2 + yy - mu_y**2 + k2**2)
    light = (2 * mu_x * mu_y + k1**2) / (mu_x**2 + mu_y**2 + k1**2)
    return contrast.mean(), (light * contrast).mean()


def halve(image: np.ndarray) -> np.ndarray:
    even = image[tuple(slice(0, side // 2 * 2) for side in image.shape)]
    return even.reshape([n for side in even.shape for n in (side // 2, 2)]).mean(axis=tuple(range(1, 2 * even.ndim, 2)))


def multiscale_by_hand(x: np.ndarray, y: np.ndarray, scales: int) -> float:
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    product = 1.0
    for scale, weight in enumerate(weights / weights.sum()):
        contrast, similarity = contrast_and_similarity(x, y)
        product *= (similarity if scale == scales - 1 else contrast) ** weight
        x, y = halve(x), halve(y)
    return product


def information_by_hand(x: np.ndarray, y: np.ndarray) -> float:
    """Compute VIF in the pixel domain after the formulae of Sheikh & Bovik 2006, in bits of 8-bit images."""
    kept = whole = 0.0
    for scale in range(1, 5):
        width = 2 ** (5 - scale) + 1
        grid = np.arange(width) - (width - 1) / 2
        window = np.exp(-(grid[:, None] ** 2 + grid**2) / (2 * (width / 5) ** 2))
        window /= window.sum()
        if scale > 1:
            x, y = (convolve2d(image, window, mode="valid")[::2, ::2] for image in (x, y))
        mu_x, mu_y = (convolve2d(image, window, mode="valid") for image in (x, y))
        var_x = convolve2d(x * x, window, mode="valid") - mu_x**2
        var_y = convolve2d(y * y, window, mode="valid") - mu_y**2
        gain = np.maximum((convolve2d(x * y, window, mode="valid") - mu_x * mu_y) / (var_x + 1e-10), 0)
        noise = var_y - gain**2 * var_x
        kept += np.log2(1 + gain**2 * var_x / (noise + 2)).sum()
        whole += np.log2(1 + var_x / 2).sum()
    return kept / whole


@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
def test_equal_images_have_the_best_of_every_score(shape):
    real, _ = pair(*shape)
    scores = score_images(real, real)
    assert list(scores) == NAMES
    assert (scores["mae"], scores["nmse"], scores["psnr"]) == (0.0, 0.0, math.inf)
    assert [scores["ssim"], scores["ms_ssim"]] == pytest.approx([1, 1], abs=1e-5)
    assert scores["uqi"] == pytest.approx(1, abs=1e-9)
    assert scores["vif"] == pytest.approx(1 if len(shape) == 3 else math.nan, abs=1e-6, nan_ok=True)


def test_a_constant_shift_has_the_errors_that_one_can_work_out():
    real = torch.full((1, 48, 48), 0.4)
    scores = score_images(real, real + 0.1)
    light = (2 * 0.4 * 0.5 + 1e-4) / (0.4**2 + 0.5**2 + 1e-4)
    expected = {"mae": 0.1, "nmse": 0.1**2 / 0.4**2, "psnr": 20.0, "ssim": light, "uqi": 0.4 / 0.41, "vif": math.nan}
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-4, nan_ok=True)
    assert scores["ms_ssim"] == pytest.approx(light ** (0.3001 / (0.0448 + 0.2856 + 0.3001)), rel=1e-4)


def test_a_shift_of_brightness_keeps_all_the_information():
    real, _ = pair(1, 48, 48)
    assert visual_information_fidelity(0.8 * real, 0.8 * real + 0.1) == pytest.approx(1, abs=1e-4)


def test_permuted_pixels_are_unlike_the_image():
    real, _ = pair(1, 48, 48)
    order = torch.from_numpy(np.random.default_rng(1).permutation(real.numel()))
    scores = score_images(real, real.flatten()[order].reshape(real.shape))
    assert scores["ssim"] < 0.2
    assert scores["uqi"] < 0.1
    assert scores["vif"] < 0.1


@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
def test_structural_similarity_is_that_of_scikit_image(shape):
    real, made = pair(*shape)
    expected = skimage_similarity(
        real.double().numpy(),
        made.double().numpy(),
        channel_axis=0,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert structural_similarity(real, made) == pytest.approx(expected, abs=1e-5)


def test_a_volume_of_one_slice_has_the_structural_similarity_of_the_slice():
    real, made = pair(1, 30, 20)
    assert structural_similarity(real[:, None], made[:, None]) == pytest.approx(
        structural_similarity(real, made), abs=1e-6
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 6, 40), (2, 3, 4, 5)], ids=["one pixel", "strip", "tiny volume"])
def test_small_images_have_narrower_windows_and_lack_what_does_not_fit(shape):
    generator = torch.Generator().manual_seed(0)
    real, made = torch.rand(2, *shape, generator=generator)
    scores = score_images(real, made)
    assert -1 <= scores["ssim"] <= 1
    assert scores["mae"] > 0
    assert all(math.isnan(scores[name]) for name in ("ms_ssim", "uqi", "vif"))


@pytest.mark.parametrize(("side", "scales"), [(22, 2), (43, 2), (44, 3), (98, 3), (99, 4), (175, 4), (176, 5)])
def test_multiscale_similarity_takes_the_scales_that_fit(side, scales):
    real, made = pair(1, side, side + 5)
    expected = multiscale_by_hand(*(image[0].double().numpy() for image in (real, made)), scales)
    assert multiscale_structural_similarity(real, made) == pytest.approx(expected, abs=1e-4)


def test_multiscale_similarity_of_volumes():
    real, made = pair(1, 22, 23, 24)
    expected = multiscale_by_hand(*(image[0].double().numpy() for image in (real, made)), 2)
    assert multiscale_structural_similarity(real, made) == pytest.approx(expected, abs=1e-4)


def test_multiscale_similarity_is_nan_where_two_scales_do_not_fit():
    real, made = pair(1, 21, 60)
    assert math.isnan(multiscale_structural_similarity(real, made))


@pytest.mark.parametrize("shape", [(1, 11, 30), (3, 25, 20), (1, 12, 14, 11)], ids=["least size", "colour", "3D"])
def test_the_quality_index_is_structural_similarity_without_constants(shape):
    real, made = (0.9 * image + 0.05 for image in pair(*shape))
    channels = zip(real.double().numpy(), made.double().numpy(), strict=True)
    expected = np.mean([contrast_and_similarity(x, y, 0, 0)[1] for x, y in channels])
    assert universal_quality_index(real, made) == pytest.approx(expected, abs=1e-9)


def test_the_quality_index_is_that_of_torchmetrics_where_nothing_is_flat():
    real, made = pair(3, 40, 30)
    expected = universal_image_quality_index(made[None].double(), real[None].double()).item()
    assert universal_quality_index(real, made) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_flat_background_does_not_lower_the_quality_index_of_equal_images(level):
    real, _ = pair(1, 48, 48)
    real[:, :, :24] = level
    assert universal_quality_index(real, real) == pytest.approx(1, abs=1e-6)


def test_noise_under_one_level_does_not_decide_over_the_quality_index():
    real, _ = pair(1, 48, 48)
    real[:, :, :40] = 0.94
    noise = 1e-7 * torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    assert universal_quality_index(real, real + noise) == pytest.approx(1, abs=1e-4)


def test_a_flat_image_has_no_quality_as_a_copy_of_one_that_is_not_flat():
    real, _ = pair(1, 20, 20)
    assert universal_quality_index(real, torch.full_like(real, 0.5)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 41, 41), (3, 50, 60)], ids=["least size", "colour"])
def test_information_fidelity_follows_the_formulae(shape):
    real, made = pair(*shape)
    channels = zip(255 * real.double().numpy(), 255 * made.double().numpy(), strict=True)
    expected = np.mean([information_by_hand(x, y) for x, y in channels])
    assert visual_information_fidelity(real, made) == pytest.approx(expected, rel=1e-5)


def test_a_bright_background_does_not_blur_information_fidelity():
    real, made = pair(1, 60, 60)
    real[:, :, :30], made[:, :, :30] = 0.94, 0.91
    expected = information_by_hand(*(255 * image[0].double().numpy() for image in (real, made)))
    assert visual_information_fidelity(real, made) == pytest.approx(expected, rel=1e-4)


def test_information_fidelity_tells_the_real_image_from_the_synthetic_one():
    real, _ = pair(1, 48, 48)
    faded = 0.5 * real + 0.2
    assert visual_information_fidelity(real, faded) < 1 < visual_information_fidelity(faded, real)


@pytest.mark.parametrize("shape", [(1, 40, 60), (1, 41, 41, 41)], ids=["small", "3D"])
def test_information_fidelity_is_nan_where_it_is_not_defined(shape):
    assert math.isnan(visual_information_fidelity(*torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))))


def test_a_flat_channel_of_the_real_image_leaves_no_information_to_compare():
    real, made = pair(3, 48, 48)
    real[1] = 0.5
    assert math.isnan(visual_information_fidelity(real, made))


def test_the_squared_error_is_a_share_of_the_real_image():
    real, _ = pair(2, 9, 8)
    assert normalized_squared_error(real, 0.5 * real) == pytest.approx(0.25)
    assert normalized_squared_error(real, torch.zeros_like(real)) == 1.0
    assert math.isnan(normalized_squared_error(torch.zeros_like(real), real))


def test_scores_do_not_hang_on_the_unit_of_intensities():
    real, made = pair(1, 48, 48)
    expected = score_images(real, made)
    scores = score_images(255 * real, 255 * made, data_range=255)
    assert scores.pop("mae") == pytest.approx(255 * expected.pop("mae"))
    assert scores == pytest.approx(expected, rel=1e-4)


def test_images_of_other_types_are_taken():
    real, made = ((255 * image).round() for image in pair(1, 48, 48))
    expected = score_images(real, made, data_range=255)
    assert score_images(MetaTensor(real.byte()), made.byte(), data_range=255) == expected


def test_another_draw_of_a_texture_scores_worse_than_none():
    rng = np.random.default_rng(0)
    draws = gaussian_filter(rng.normal(size=(2, 1, 64, 64)), (0, 0, 2, 2))
    real, made = torch.from_numpy((0.5 + 0.1 * draws / draws.std()).clip(0, 1)).float()
    drawn, grey = score_images(real, made), score_images(real, torch.full_like(real, 0.5))
    assert drawn["mae"] > 1.3 * grey["mae"]
    assert drawn["psnr"] < grey["psnr"] - 2
    assert drawn["ssim"] < grey["ssim"]


def test_images_of_a_training_are_taken():
    real, made = pair(1, 48, 48)
    assert score_images(real, made.requires_grad_()) == score_images(real, made.detach())
