from __future__ import annotations

import pytest
import torch
from monai.networks.blocks.spade_norm import SPADE
from torch import nn

from monai_genaug.networks import SPADEResNet

NO_NOISE = {"latent_channels": 0, "smooth_channels": 0, "noise_channels": 0}


def small(dims: int = 2, inputs: int = 1, outputs: int = 1, **settings) -> SPADEResNet:
    torch.manual_seed(0)
    network = SPADEResNet(dims, inputs, outputs, **{"levels": 2, "base_features": 4, "hidden_features": 8, **settings})
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:  # large enough for images that vary
                nn.init.normal_(parameter, 0.0, 0.8 / parameter[0].numel() ** 0.5)
    return network


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_weight_gets_a_gradient_and_sizes_are_kept(dims, norm):
    network = small(dims, 2, 3, norm=norm)
    condition = torch.rand(2, 2, *(8, 12, 16)[:dims])
    image = network(condition, network.noise.draw(condition))
    assert image.shape == (2, 3, *condition.shape[2:])
    assert image.abs().max() <= 1
    image.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_features_double_with_each_level_up_to_eight_times():
    network = SPADEResNet(2, 1, 1, levels=5, base_features=4)
    assert [(block.in_channels, block.out_channels) for block in network.blocks] == [
        *((32, 32), (32, 32), (32, 16), (16, 8), (8, 4), (4, 4)),
    ]
    assert (network.stride, network.least_size) == (32, 64)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("dims", [2, 3])
def test_the_least_size_can_be_trained_on_one_image_at_a_time(dims, norm):
    network = small(dims, norm=norm, levels=1).train()
    condition = torch.rand(1, 1, *[network.least_size] * dims)
    assert torch.isfinite(network(condition, network.noise.draw(condition))).all()


def test_there_are_no_transposed_convolutions_and_norms_have_no_weights_of_their_own():
    network = small()
    parts = list(network.modules())
    assert not [part for part in parts if isinstance(part, nn.ConvTranspose2d)]
    norms = [part for part in parts if isinstance(part, nn.BatchNorm2d)]
    assert len(norms) == 8  # 2 a block, and 1 more in each of the 2 shortcuts
    assert all(part.weight is None for part in norms)


def test_scale_and_shift_are_what_the_convolutions_give():
    network = small(norm="instance")
    modulation = next(part for part in network.modules() if isinstance(part, SPADE))
    features, seen = torch.randn(1, 16, 8, 8), torch.ones(1, 13, 8, 8)
    hidden = modulation.mlp_shared(seen)
    normalised = nn.functional.instance_norm(features)
    expected = normalised * (1 + modulation.mlp_gamma(hidden)) + modulation.mlp_beta(hidden)
    torch.testing.assert_close(modulation(features, seen), expected)
    centre = modulation.mlp_beta(hidden)[0, :, 4, 4]
    assert centre.abs().max() > 0.01  # a constant condition shifts: a norm over space would have made 0 of it


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["constant", "smooth", "white"])
def test_each_kind_of_noise_changes_the_image(kind):
    network = small(latent_channels=2, smooth_channels=2, noise_channels=2).eval()
    condition, noise = torch.rand(1, 1, 32, 32), torch.zeros(1, 6, 32, 32)
    plain = network(condition, noise)
    noise[:, 2 * kind : 2 * kind + 2] = network.noise.draw(condition)[:, 2 * kind : 2 * kind + 2]
    assert (network(condition, noise) - plain).abs().mean() > 0.005


def test_a_style_changes_the_whole_image():
    network = small(style_bank=2, **NO_NOISE).eval()
    condition = torch.zeros(1, 1, 32, 32)
    noise = torch.zeros(1, 3, 32, 32)
    change = (network(condition, network.noise.with_style(noise, torch.ones(1, 3))) - network(condition, noise)).abs()
    assert (change > 0.005).float().mean() > 0.9


@pytest.mark.parametrize("dims", [2, 3])
def test_coarse_levels_see_means_of_the_condition_and_standard_normal_noise(dims):
    network = small(dims, levels=2, latent_channels=0, smooth_channels=0, noise_channels=2)
    condition = torch.zeros(1, 1, *[48] * dims)
    condition[..., ::2] = 1  # thinner than the voxels of the next level
    seen = []
    network.first.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        network(condition, network.noise.draw(condition))
    torch.testing.assert_close(seen[0][:, 0], torch.full_like(seen[0][:, 0], 0.5))
    assert seen[0][:, 1:].std().item() == pytest.approx(1.0, abs=0.15)


def test_a_voxel_depends_on_its_surroundings_alone():
    network = small(**NO_NOISE).eval()
    condition = torch.rand(1, 1, 64, 128)
    changed = condition.clone()
    changed[..., :8] = 0
    difference = (network(condition) - network(changed)).abs()
    assert difference[..., :8].max() > 0
    assert difference[..., 96:].max() == 0


def test_the_scripted_network_gives_the_same_images():
    network = small().eval()
    condition = torch.rand(2, 1, 16, 24)
    noise = network.noise.draw(condition)
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.script(network)(condition, noise), network(condition, noise))


@pytest.mark.parametrize("name", ["in_channels", "out_channels", "base_features", "hidden_features"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0, expected at least 1"):
        SPADEResNet(2, **{"in_channels": 1, "out_channels": 1, name: 0})


@pytest.mark.parametrize("name", ["latent_channels", "smooth_channels", "noise_channels", "style_bank"])
def test_negative_numbers_of_maps_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is -1, expected at least 0"):
        SPADEResNet(2, 1, 1, **{name: -1})


@pytest.mark.parametrize(
    ("change", "message"),
    [({"levels": 0}, "levels is 0, expected 1 to 8"), ({"norm": "layer"}, "norm is 'layer', expected one of")],
    ids=["levels", "norm"],
)
def test_other_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        SPADEResNet(2, 1, 1, **change)
