from __future__ import annotations

import math

import pytest
import torch

from monai_genaug.metrics.diversity import sample_diversity
from monai_genaug.metrics.paired import multiscale_structural_similarity, structural_similarity


def samples(count: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "shape", [(1, 24, 24), (3, 30, 25), (1, 22, 22, 22), (1, 9, 12)], ids=["2D", "RGB", "3D", "small"]
)
def test_equal_samples_have_no_diversity(shape):
    image = samples(1, *shape)[0]
    assert sample_diversity([image] * 3) == pytest.approx(0, abs=1e-5)


def test_it_is_one_minus_the_mean_over_all_pairs():
    a, b, c = (0.5 * (samples(1, 1, 24, 24)[0] + other) for other in samples(3, 1, 24, 24, seed=1))
    similar = [multiscale_structural_similarity(*pair) for pair in ((a, b), (a, c), (b, c))]
    assert sample_diversity([a, b, c]) == pytest.approx(1 - sum(similar) / 3)


def test_small_images_are_compared_at_one_scale():
    a, b = samples(2, 1, 12, 40)
    assert sample_diversity([a, b]) == pytest.approx(1 - structural_similarity(a, b))


def test_samples_that_differ_more_are_more_diverse():
    base, change = samples(1, 1, 24, 24)[0], samples(3, 1, 24, 24, seed=1)
    little, much = ([(1 - share) * base + share * part for part in change] for share in (0.1, 0.6))
    assert 0 < sample_diversity(little) < sample_diversity(much) < 1


def test_the_order_of_samples_does_not_matter():
    images = samples(3, 1, 24, 24)
    assert sample_diversity(images) == pytest.approx(sample_diversity(list(images.flip(0))), abs=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_samples_are_refused(count):
    with pytest.raises(ValueError, match=f"there are {count} images, expected at least two"):
        sample_diversity(list(samples(count, 1, 24, 24)))


def test_samples_of_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match="expected equal shapes"):
        sample_diversity([torch.zeros(1, 24, 24), torch.zeros(1, 24, 25)])


def test_samples_that_are_not_finite_are_refused():
    images = samples(3, 1, 24, 24)
    images[2, 0, 0, 0] = math.nan
    with pytest.raises(ValueError, match="NaN or Inf"):
        sample_diversity(images)
