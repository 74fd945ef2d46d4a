"""What the conditional variational autoencoder does that the contract does not say."""

from __future__ import annotations

import pytest
import torch

from monai_genaug.generators import CVAEGenerator, build_generator, describe_generator
from monai_genaug.masks import BinaryEncoding, OneHotEncoding
from monai_genaug.networks import ConditionalVAE


def network() -> ConditionalVAE:
    torch.manual_seed(0)
    return ConditionalVAE(2, 1, 1, levels=2, base_features=4)


def test_observation_noise_is_white_and_of_the_learned_deviation():
    inner, condition = network(), torch.ones(2, 1, 64, 64)
    with torch.no_grad():
        inner.last.weight[1:] = 0  # deviations are equal everywhere
        mean, noisy = (
            CVAEGenerator(inner, BinaryEncoding(), observation_noise=noise).eval().generate(condition, seeds=[1, 2])
            for noise in (False, True)
        )
        deviation = inner.observe(condition)[1].exp()[0, 0, 0, 0]
    grain = 2.0 * (noisy - mean)[:, 0]
    assert grain.std().item() == pytest.approx(deviation.item(), rel=0.05)
    assert (grain[:, 1:] * grain[:, :-1]).mean().abs() < 0.1 * deviation**2
    assert (grain[0] * grain[1]).mean().abs() < 0.1 * deviation**2


def test_images_are_made_without_the_posterior():
    generator = CVAEGenerator(network(), BinaryEncoding())
    before = generator.sample(torch.ones(1, 1, 12, 8), seeds=[3])
    with torch.no_grad():
        for parameter in generator.network.posterior.parameters():
            parameter.fill_(float("nan"))
    assert torch.equal(generator.sample(torch.ones(1, 1, 12, 8), seeds=[3]), before)


def test_latents_differ_with_the_seed_though_the_grain_is_off():
    generator = CVAEGenerator(network(), BinaryEncoding(), observation_noise=False)
    one, two = generator.sample(torch.ones(2, 1, 32, 32), seeds=[1, 2])
    assert (one - two).abs().mean() > 0.005


def test_its_description_keeps_whether_there_is_observation_noise():
    described = describe_generator(CVAEGenerator(network(), BinaryEncoding(), observation_noise=False))
    assert build_generator(described).observation_noise is False


def test_an_encoding_of_other_channels_is_refused():
    with pytest.raises(ValueError, match="in_channels=2"):
        CVAEGenerator(network(), OneHotEncoding(2))
