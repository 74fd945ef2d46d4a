from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_genaug.networks import ConditionalVAE

SMALL = {"levels": 2, "base_features": 4, "latent_channels": 3, "global_channels": 2, "norm_groups": 2}


def small(dims: int = 2, inputs: int = 1, outputs: int = 1, **settings) -> ConditionalVAE:
    torch.manual_seed(0)
    return ConditionalVAE(dims, inputs, outputs, **{**SMALL, **settings})


def drawn(network: ConditionalVAE, condition: torch.Tensor) -> torch.Tensor:
    return network.noise.draw(network.prior(condition)[0])


@pytest.mark.parametrize("dims", [2, 3])
def test_every_weight_gets_a_gradient_and_sizes_are_kept(dims):
    network, size = small(dims, 2, 3), (8, 12, 16)[:dims]
    condition, image = torch.rand(2, 2, *size), torch.rand(2, 3, *size)
    made = network.observe(condition, drawn(network, condition))
    assert [part.shape for part in made] == [(2, 3, *size)] * 2
    assert made[0].abs().max() <= 1
    latents = network.posterior(torch.cat((image, condition), dim=1))
    assert [part.shape for part in latents] == [(2, 5, *(side // 4 for side in size))] * 2
    sum(part.square().mean() for part in (*made, *latents)).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_the_first_latents_are_constant_over_space_and_the_others_are_not():
    network = small()
    for mean, log_std in (network.prior(torch.rand(1, 1, 32, 32)), network.posterior(torch.rand(1, 2, 32, 32))):
        spread = torch.stack((mean, log_std)).flatten(3).std(dim=3)[:, 0]  # (2, G + Z)
        assert (spread[:, :2] < 1e-6).all()
        assert (spread[:, 2:] > 1e-3).all()


def test_it_may_have_no_latents_that_are_constant():
    network = small(global_channels=0)
    assert network.prior(torch.rand(1, 1, 16, 16))[0].shape == (1, 3, 4, 4)


def test_without_noise_it_gives_the_image_of_the_priors_mean():
    network = small()
    condition = torch.rand(1, 1, 16, 16)
    mean, log_std = network.prior(condition)
    noise = drawn(network, condition)
    assert torch.equal(network(condition), network.decode(mean, condition)[0])
    assert torch.equal(network(condition, noise), network.decode(mean + log_std.exp() * noise, condition)[0])


def test_making_images_leaves_the_posterior_alone():
    network = small()
    condition = torch.rand(1, 1, 16, 16)
    noise = drawn(network, condition)
    before = network.observe(condition, noise)
    with torch.no_grad():
        for parameter in network.posterior.parameters():
            parameter.fill_(float("nan"))
    assert all(torch.equal(*pair) for pair in zip(network.observe(condition, noise), before, strict=True))


@pytest.mark.parametrize(("channels", "share"), [((0, 2), 0.9), ((2, 5), 0.02)], ids=["constant", "local"])
def test_each_kind_of_latents_changes_the_image(channels, share):
    network = small()
    condition = torch.zeros(1, 1, 64, 64)
    latent = torch.zeros(1, 5, 16, 16)
    plain = network.decode(latent, condition)[0]
    latent[:, slice(*channels), : 16 if channels[0] == 0 else 2] = 2.0
    assert ((network.decode(latent, condition)[0] - plain).abs() > 0.01).float().mean() > share


def test_brightness_and_contrast_of_an_image_reach_the_posterior():
    network = small()
    condition, image = torch.zeros(1, 1, 32, 32), torch.rand(1, 1, 32, 32)
    means = [network.posterior(torch.cat((factor * image, condition), dim=1))[0] for factor in (0.5, 1.0)]
    change = (means[0] - means[1]).abs()
    assert change[:, :2].max() > 0.02
    assert change[:, 2:].max() > 0.1


def test_the_posterior_tells_something_from_the_start():
    network = small()
    condition, image = torch.rand(4, 1, 32, 32).round(), torch.rand(4, 1, 32, 32)
    assert network.posterior(torch.cat((image, condition), dim=1))[1].mean() < network.prior(condition)[1].mean() - 1


@pytest.mark.parametrize(("raw", "deviation"), [(-100.0, 0.05), (0.0, 0.05**0.5), (100.0, 1.0)], ids=str)
def test_deviations_stay_between_the_least_and_one(raw, deviation):
    network = small(least_deviation=0.05)
    with torch.no_grad():
        network.last.weight[1:], network.last.bias[1:] = 0.0, raw
    found = network.observe(torch.rand(1, 1, 8, 8))[1].exp()
    torch.testing.assert_close(found, torch.full((1, 1, 8, 8), deviation))


def test_deviations_of_latents_stay_within_bounds():
    network = small()
    with torch.no_grad():
        network.prior.local.bias.fill_(1e4)
    assert network.prior(torch.rand(1, 1, 8, 8))[1].max() <= 3


@pytest.mark.parametrize("dims", [2, 3])
def test_every_resolution_sees_means_of_the_condition(dims):
    network, seen = small(dims), []
    condition = torch.zeros(1, 1, *[16] * dims)
    condition[..., ::2] = 1  # thinner than the voxels of the next level
    for block in network.blocks:
        block.register_forward_pre_hook(lambda module, args: seen.append(args[0][:, -1:]))
    network(condition)
    assert [maps.shape[-1] for maps in seen] == [4, 8, 16]
    assert torch.equal(seen[-1], condition)
    for maps in seen[:-1]:
        torch.testing.assert_close(maps, torch.full_like(maps, 0.5))


def test_rows_do_not_see_each_other_even_in_training():
    network = small().train()
    condition = torch.rand(3, 1, 16, 16)
    noise = drawn(network, condition)
    torch.testing.assert_close(network(condition, noise)[1:2], network(condition[1:2], noise[1:2]))


@pytest.mark.parametrize("dims", [2, 3])
def test_it_takes_its_least_size(dims):
    network = small(dims, base_features=1, norm_groups=1)
    assert (network.stride, network.least_size) == (4, 8)
    assert torch.isfinite(network(torch.rand(1, 1, *[8] * dims))).all()


@pytest.mark.parametrize("global_channels", [0, 2])
def test_the_scripted_network_gives_the_same_images(global_channels):
    network = small(global_channels=global_channels).eval()
    scripted, condition = torch.jit.script(network), torch.rand(2, 1, 16, 24)
    noise = drawn(network, condition)
    with torch.no_grad():
        torch.testing.assert_close(scripted(condition), network(condition))
        torch.testing.assert_close(scripted(condition, noise), network(condition, noise))


def test_features_double_with_each_level_up_to_eight_times():
    network = ConditionalVAE(2, 1, 1, levels=5, base_features=4)
    halvings = [part for part in network.posterior.down if isinstance(part, nn.Conv2d)]
    assert [part.out_channels for part in halvings] == [8, 16, 32, 32, 32]
    assert [block.second.out_channels for block in network.blocks] == [32, 32, 16, 8, 4, 4]


@pytest.mark.parametrize("name", ["in_channels", "out_channels", "base_features", "latent_channels", "norm_groups"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0, expected at least 1"):
        ConditionalVAE(2, **{"in_channels": 1, "out_channels": 1, name: 0})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spatial_dims": 4}, "spatial_dims is 4"),
        ({"levels": 0}, "levels is 0, expected 1 to 8"),
        ({"global_channels": -1}, "global_channels is -1, expected at least 0"),
        ({"base_features": 6}, "base_features is 6, expected a multiple of norm_groups=4"),
        ({"least_deviation": 0.0}, "least_deviation is 0.0, expected a number above 0"),
        ({"least_deviation": float("nan")}, "least_deviation is nan"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ConditionalVAE(**{"spatial_dims": 2, "in_channels": 1, "out_channels": 1, **change})
