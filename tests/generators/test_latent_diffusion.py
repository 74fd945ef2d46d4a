"""What latent diffusion does that neither the contract nor the tests of diffusion say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from monai_genaug.generators import LatentDiffusionGenerator, build_generator, describe_generator
from monai_genaug.masks import BinaryEncoding, OneHotEncoding
from monai_genaug.networks import KLAutoencoder, LatentDiffusionUNet
from tests.families import enlarged


def build(dims: int = 2, channels: int = 1, *, dropout: float = 0.0, **settings: Any) -> LatentDiffusionGenerator:
    torch.manual_seed(0)
    autoencoder = KLAutoencoder(dims, channels, channels=(4, 8), latent_channels=3, norm_groups=2)
    network = LatentDiffusionUNet(autoencoder, 1, channels=(4, 8), norm_groups=2, condition_dropout=dropout)
    return enlarged(LatentDiffusionGenerator(network, BinaryEncoding(), **settings))


class Knowing(nn.Module):
    """Predicts exactly what leads to given latents, whatever the condition."""

    def __init__(self, generator: LatentDiffusionGenerator, latents: Tensor) -> None:
        super().__init__()
        self.schedule, self.prediction, self.latents = generator.schedule, generator.prediction, latents

    def forward(self, condition: Tensor, x: Tensor, time: Tensor, known: bool = True) -> Tensor:
        t = round(float(time[0]) * self.schedule.last)
        return self.schedule.target(self.latents, self.schedule.to_epsilon(self.latents, x, t), t, self.prediction)


WAYS = {
    "v": {"steps": 4},
    "epsilon": {"prediction": "epsilon", "schedule": "linear", "sampler": "ddim", "steps": 4},
    "x0": {"prediction": "x0", "timesteps": 30, "steps": 30, "sampler": "ddpm"},
}


@pytest.mark.parametrize("way", WAYS)
def test_latents_far_beyond_1_are_reached_and_decoded(way: str):
    generator = build(**WAYS[way])
    latents = 20 * torch.randn(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    generator.network.denoiser = Knowing(generator, latents)
    made = generator.sample(torch.zeros(2, 1, 16, 12), seeds=[1, 2])
    decoded = 0.5 * (generator.network.autoencoder.decode(latents) + 1)
    assert ((decoded > 0) & (decoded < 1)).float().mean() > 0.1
    torch.testing.assert_close(made, decoded.clamp(0, 1), atol=5e-3, rtol=0)


@pytest.mark.parametrize("way", WAYS)
def test_the_target_of_training_is_what_a_knowing_denoiser_predicts(way: str):
    generator, image = build(**WAYS[way]), 2 * torch.rand(1, 1, 16, 12) - 1
    x, time, target = generator.add_noise(image)
    assert x.shape == target.shape == (1, 3, 8, 6)
    knowing = Knowing(generator, generator.network.autoencoder.encode(image))
    torch.testing.assert_close(knowing(image, x, time), target, atol=1e-3, rtol=1e-3)


def test_noise_is_added_to_scaled_latents_without_gradients():
    generator, image = build(), torch.rand(64, 1, 16, 16)
    generator.network.autoencoder.scale.fill_(50.0)
    torch.manual_seed(0)
    x, time, target = generator.train().add_noise(image)
    first = time.argmin()
    assert time[first] < 0.02
    latents = generator.network.autoencoder.encode(image)
    assert latents.std() > 5
    assert (x[first] - latents[first]).std() < 0.02 * latents.std()
    assert not x.requires_grad
    assert not target.requires_grad


@pytest.mark.parametrize(("dims", "size"), [(2, (17, 30)), (2, (5, 41)), (3, (9, 12, 7))], ids=str)
def test_odd_sizes_come_back_as_they_were(dims: int, size: tuple[int, ...]):
    made = build(dims, channels=2, steps=2).sample(torch.ones(1, 1, *size), seeds=[1])
    assert made.shape == (1, 2, *size)


def test_noise_has_the_shape_of_the_latents_alone():
    generator = build()
    assert generator.noise_shape((16, 24)) == (3, 8, 12)
    assert (generator.stride, generator.least_size) == (4, 8)


def test_guidance_asks_the_denoiser_without_its_condition():
    guided, plain = (build(dropout=0.1, steps=2, guidance=scale) for scale in (3.0, 1.0))
    condition = torch.ones(1, 1, 16, 16)
    assert (guided.sample(condition, seeds=[1]) - plain.sample(condition, seeds=[1])).abs().mean() > 0.01
    with pytest.raises(ValueError, match="condition_dropout above 0"):
        build(guidance=2.0)


def test_an_infinite_prediction_is_not_hidden():
    generator = build(steps=2)
    with torch.no_grad():
        generator.network.denoiser.unet.out[2].conv.bias.fill_(float("inf"))
    with pytest.raises(FloatingPointError, match="LatentDiffusionGenerator"):
        generator.sample(torch.zeros(1, 1, 8, 8), seeds=[1])


def test_it_is_described_with_its_autoencoder_and_built_again():
    config = describe_generator(build(steps=7, prediction="x0"))
    assert config["network_def"]["autoencoder"]["latent_channels"] == 3
    again = build_generator(config)
    assert (again.network.autoencoder.stride, len(again.timesteps), again.prediction) == (2, 8, "x0")


def test_settings_that_do_not_fit_are_refused():
    network = build().network
    with pytest.raises(ValueError, match=r"set prediction='v' or schedule='linear'"):
        LatentDiffusionGenerator(network, BinaryEncoding(), prediction="epsilon")
    with pytest.raises(ValueError, match="in_channels=2"):
        LatentDiffusionGenerator(network, OneHotEncoding(2))
    with pytest.raises(ValueError, match="steps"):
        LatentDiffusionGenerator(network, BinaryEncoding(), steps=0)
