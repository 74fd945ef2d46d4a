from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.networks.utils import pixelshuffle, pixelunshuffle
from torch import nn

from monai_genaug.networks import KLAutoencoder, LatentDiffusionUNet
from monai_genaug.networks.latent import space_to_depth


def filled(network: nn.Module) -> nn.Module:
    """Draw all weights, since the last layers begin with 0."""
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            rng = torch.Generator().manual_seed(number)
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=rng))
    return network


def small(dims: int = 2, conditions: int = 1, **settings: Any) -> LatentDiffusionUNet:
    autoencoder = KLAutoencoder(dims, 2, channels=(4, 8, 8), latent_channels=3, norm_groups=2)
    network = LatentDiffusionUNet(
        autoencoder, conditions, **{"channels": (4, 8), "norm_groups": 2, "condition_dropout": 0.0, **settings}
    )
    return filled(network)


@pytest.mark.parametrize("dims", [2, 3])
def test_blocks_become_channels_and_nothing_is_lost(dims: int):
    image = torch.rand(2, 3, *(8, 12, 4)[:dims])
    brought_down = space_to_depth(image, 4)
    assert torch.equal(brought_down, pixelunshuffle(image, dims, 4))
    assert torch.equal(pixelshuffle(brought_down, dims, 4), image)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_denoiser_tells_apart_single_voxels_wherever_they_lie(dims: int):
    network, factor = small(dims), 4
    objects = torch.eye(factor**dims).reshape(-1, 1, *(factor,) * dims)  # one voxel each, all in one block
    condition = nn.functional.pad(objects, (8, 4) * dims)
    made = network.denoiser(condition).flatten(1)
    distances = torch.cdist(made, made) + 1e6 * torch.eye(len(made))
    assert distances.min() > 1e-4


def test_the_denoiser_takes_latents_and_a_condition_of_the_images_size():
    network = small(conditions=2)
    condition, x, time = torch.rand(2, 2, 16, 24), torch.randn(2, 3, 4, 6), torch.tensor([0.1, 0.9])
    predicted = network.denoiser(condition, x, time)
    assert predicted.shape == x.shape
    for changed in ((1 - condition, x, time), (condition, 0.5 * x, time), (condition, x, 0.5 * time)):
        assert (network.denoiser(*changed) - predicted).abs().mean() > 1e-3
    withheld = network.denoiser(condition, x, time, known=False)
    assert torch.equal(withheld, network.denoiser(1 - condition, x, time, known=False))


def test_conditions_are_dropped_in_training_only():
    network, condition = small(condition_dropout=1.0), torch.rand(1, 1, 16, 16)
    assert torch.equal(network.train().denoiser(condition), network.denoiser(condition, known=False))
    assert not torch.equal(network.eval().denoiser(condition), network.denoiser(condition, known=False))


@pytest.mark.parametrize("dims", [2, 3])
def test_it_makes_an_image_of_its_least_size(dims: int):
    network = small(dims)
    assert (network.stride, network.least_size) == (8, 16)
    assert (network.spatial_dims, network.in_channels, network.out_channels) == (dims, 1, 2)
    image = network(torch.rand(1, 1, *(16,) * dims))
    assert image.shape == (1, 2, *(16,) * dims)
    assert torch.isfinite(image).all()


def test_it_decodes_what_is_predicted_at_the_mean_of_noise_alone():
    network, condition = small(), torch.rand(2, 1, 16, 16)
    predicted = network.denoiser(condition, torch.zeros(2, 3, 4, 4), torch.ones(2))
    assert torch.equal(network(condition), network.autoencoder.decode(predicted))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("dims", [2, 3])
def test_it_can_be_scripted_and_comes_back_from_a_file(tmp_path, dims: int):
    network, condition = small(dims).eval(), torch.rand(2, 1, *(16, 24, 8)[:dims])
    torch.jit.script(network).save(str(tmp_path / "model.ts"))
    torch.testing.assert_close(torch.jit.load(str(tmp_path / "model.ts"))(condition), network(condition))


@pytest.mark.parametrize(
    "change",
    [{"in_channels": 0}, {"channels": (8,)}, {"res_blocks": 0}, {"norm_groups": 0}, {"condition_dropout": 1.5}],
    ids=str,
)
def test_wrong_settings_are_refused_by_name(change: dict):
    autoencoder = KLAutoencoder(2, 1, channels=(4, 8), norm_groups=2)
    with pytest.raises(ValueError, match=next(iter(change))):
        LatentDiffusionUNet(autoencoder, **{"in_channels": 1, **change})
