from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from monai_genaug.metrics.intensity import count_intensities, intensity_distances


def images(*shapes: tuple[int, ...], seed: int = 0, power: float = 1.0) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    return [torch.from_numpy((rng.random(shape) ** power * 255).round() / 255).float() for shape in shapes]


@pytest.mark.parametrize("shape", [(1, 12, 10), (3, 12, 10), (2, 5, 6, 7)], ids=["2D", "colour", "3D"])
def test_permuted_voxels_have_the_same_intensities(shape):
    real = images(shape, shape)
    permuted = [image.flatten(1).flip(1).reshape(shape) for image in reversed(real)]
    assert intensity_distances(real, permuted) == {"wasserstein": 0.0, "kl": 0.0, "js": 0.0}


@pytest.mark.parametrize("shift", [1, 40])
def test_a_constant_shift_is_its_own_distance(shift):
    real = [0.8 * image for image in images((1, 30, 30))]
    real = [(255 * image).round() / 255 for image in real]
    distances = intensity_distances(real, [image + shift / 255 for image in real])
    assert distances["wasserstein"] == pytest.approx(shift / 255, rel=1e-6)


def test_the_distance_of_8_bit_images_is_that_of_all_their_voxels():
    real, made = images((1, 20, 20), (1, 7, 9)), images((1, 15, 15), seed=1, power=2)
    values = (torch.cat([image.flatten() for image in part]).numpy() for part in (real, made))
    assert intensity_distances(real, made)["wasserstein"] == pytest.approx(wasserstein_distance(*values), rel=1e-5)


@pytest.mark.parametrize("bins", [8, 64])
def test_coarse_levels_change_the_distance_by_at_most_one_level(bins):
    real, made = images((1, 40, 40)), images((1, 40, 40), seed=1, power=3)
    exact = wasserstein_distance(real[0].flatten().numpy(), made[0].flatten().numpy())
    assert abs(intensity_distances(real, made, bins=bins)["wasserstein"] - exact) <= 1 / (bins - 1)


def test_divergences_of_two_levels_are_those_by_hand():
    real, made = torch.tensor([[[0.0, 0.0, 0.0, 1.0]]]), torch.tensor([[[0.0, 1.0, 1.0, 1.0]]])
    distances = intensity_distances([real], [made], bins=2)
    smoothed = 0.4 * math.log(7 / 3)  # of (3.5, 1.5) and (1.5, 3.5) of 5
    mixed = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert distances == pytest.approx({"wasserstein": 0.5, "kl": smoothed, "js": mixed}, rel=1e-9)


def test_the_divergence_is_of_the_synthetic_images_from_the_real_ones():
    narrow, broad = torch.zeros(1, 10, 10), images((1, 10, 10))[0]
    assert intensity_distances([narrow], [broad])["kl"] != pytest.approx(intensity_distances([broad], [narrow])["kl"])
    share = np.array([100.5] + [0.5] * 255) / 228
    counts = count_intensities([broad])[0].numpy() + 0.5
    expected = (share * np.log(share / (counts / 228))).sum()
    assert intensity_distances([narrow], [broad])["kl"] == pytest.approx(expected, rel=1e-9)


def test_sets_that_share_no_intensity_are_as_far_as_can_be():
    distances = intensity_distances([torch.zeros(1, 8, 8)], [torch.ones(1, 8, 8)])
    assert distances["wasserstein"] == pytest.approx(1)
    assert distances["js"] == pytest.approx(math.log(2))
    assert math.isfinite(distances["kl"])


def test_channels_are_compared_each_by_itself():
    real = torch.stack((torch.zeros(8, 8), torch.ones(8, 8)))
    assert intensity_distances([real], [real.flip(0)])["wasserstein"] == pytest.approx(1)
    half = torch.stack((torch.full((8, 8), 0.2), torch.ones(8, 8)))
    assert intensity_distances([real], [half])["wasserstein"] == pytest.approx(0.1)


def test_masks_say_where_intensities_count():
    label = torch.zeros(1, 10, 10)
    label[:, :5] = 2
    real, made = 0.4 * (label > 0).float(), 0.6 * (label > 0).float()
    inside = intensity_distances([real], [made], real_masks=[label > 0], synthetic_masks=[label])
    outside = intensity_distances([real], [made], real_masks=[label == 0], synthetic_masks=[label == 0])
    assert inside["wasserstein"] == pytest.approx(0.2)
    assert outside["wasserstein"] == 0
    assert intensity_distances([real], [made])["wasserstein"] == pytest.approx(0.1)


def test_one_set_may_have_masks_alone():
    real = torch.tensor([[[0.0, 0.5]]])
    made = torch.tensor([[[0.5]]])
    assert intensity_distances([real], [made], real_masks=[torch.tensor([[[0, 1]]])])["wasserstein"] == 0


def test_without_a_voxel_that_counts_distances_are_nan():
    image, empty = torch.zeros(1, 6, 6), torch.zeros(1, 6, 6)
    distances = intensity_distances([image], [image], real_masks=[empty])
    assert list(distances) == ["wasserstein", "kl", "js"]
    assert all(math.isnan(value) for value in distances.values())


def test_images_may_be_read_one_by_one():
    real, made = images((1, 9, 9), (1, 4, 5)), images((1, 6, 6), seed=1)
    assert intensity_distances(iter(real), iter(made)) == intensity_distances(real, made)


def test_counts_are_of_the_nearest_level():
    counts = count_intensities([torch.tensor([[[0.0, 0.12, 0.13, 1.0]], [[0.5, 0.5, 0.5, 0.5]]])], bins=5)
    assert counts.tolist() == [[2, 1, 0, 0, 1], [0, 0, 4, 0, 0]]


@pytest.mark.parametrize(
    ("value", "message"), [(math.nan, "NaN or Inf"), (math.inf, "NaN or Inf"), (2.0, "to 2,"), (-0.5, "from -0.5")]
)
def test_values_that_are_no_intensities_are_refused(value, message):
    image = torch.zeros(1, 6, 6)
    image[0, 2, 3] = value
    with pytest.raises(ValueError, match=message):
        intensity_distances([torch.zeros(1, 6, 6)], [image])


def test_an_empty_set_is_refused():
    with pytest.raises(ValueError, match="there are no images, expected at least one"):
        intensity_distances([torch.zeros(1, 6, 6)], [])


def test_unequal_channels_are_refused():
    grey, colour = torch.zeros(1, 6, 6), torch.zeros(3, 6, 6)
    with pytest.raises(ValueError, match="real images have 1 channels, synthetic ones 3"):
        intensity_distances([grey], [colour])
    with pytest.raises(ValueError, match="images have 1 and 3 channels"):
        intensity_distances([grey, colour], [grey])


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"a mask has shape \(1, 5, 6\), expected \(1, 6, 6\)"):
        intensity_distances([torch.zeros(1, 6, 6)], [torch.zeros(1, 6, 6)], real_masks=[torch.zeros(1, 5, 6)])


@pytest.mark.parametrize(("count", "message"), [(1, "more images than masks"), (3, "more masks than images")])
def test_each_image_needs_its_mask(count, message):
    pair = [torch.zeros(1, 6, 6)] * 2
    with pytest.raises(ValueError, match=message):
        intensity_distances(pair, pair, synthetic_masks=[torch.ones(1, 6, 6)] * count)


def test_one_level_is_refused():
    with pytest.raises(ValueError, match="bins is 1, expected at least 2"):
        intensity_distances([torch.zeros(1, 6, 6)], [torch.zeros(1, 6, 6)], bins=1)
