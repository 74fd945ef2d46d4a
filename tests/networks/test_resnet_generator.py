from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_genaug.networks import CycleNetworks, ResNetGenerator

NO_NOISE = {"latent_channels": 0, "smooth_channels": 0, "noise_channels": 0}


def test_the_papers_network():
    network = ResNetGenerator(2, 3, 3, **NO_NOISE)
    convs = [(m.kernel_size[0], m.stride[0], m.out_channels) for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert convs[:3] == [(7, 1, 64), (3, 2, 128), (3, 2, 256)]
    assert convs[3:21] == [(3, 1, 256)] * 18
    assert convs[21:] == [(3, 1, 128), (3, 1, 64), (7, 1, 3)]
    assert all(m.padding_mode == "reflect" for m in network.modules() if isinstance(m, nn.Conv2d))
    assert sum(isinstance(m, nn.InstanceNorm2d) for m in network.modules()) == 23


@pytest.mark.parametrize("dims", [2, 3])
def test_every_weight_gets_a_gradient_and_sizes_are_kept(dims):
    network = ResNetGenerator(dims, 2, 3, blocks=1, base_features=4)
    source = torch.rand(2, 2, *(8, 12, 16)[:dims])
    made = network(source, network.noise.draw(source))
    assert made.shape == (2, 3, *source.shape[2:])
    made.square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["constant", "smooth", "white"])
def test_each_kind_of_noise_changes_the_image(kind):
    torch.manual_seed(0)
    network = ResNetGenerator(
        2, 1, 1, blocks=2, base_features=8, latent_channels=2, smooth_channels=2, noise_channels=2
    )
    source = torch.rand(1, 1, 32, 32)
    noise = torch.zeros(1, 6, 32, 32)
    plain = network(source, noise)
    noise[:, 2 * kind : 2 * kind + 2] = network.noise.draw(source)[:, 2 * kind : 2 * kind + 2]
    assert (network(source, noise) - plain).abs().mean() > 1e-4


@pytest.mark.parametrize("name", ["in_channels", "out_channels", "blocks", "base_features"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0, expected at least 1"):
        ResNetGenerator(2, **{"in_channels": 1, "out_channels": 1, name: 0})


def test_a_cycle_needs_networks_that_fit_together():
    there = ResNetGenerator(2, 1, 3, blocks=1, base_features=4)
    with pytest.raises(ValueError, match="the other way round"):
        CycleNetworks(there, ResNetGenerator(2, 1, 3, blocks=1, base_features=4))
    with pytest.raises(ValueError, match="equal dimensions"):
        CycleNetworks(there, ResNetGenerator(3, 3, 1, blocks=1, base_features=4))


def test_a_cycle_alone_makes_images_and_on_demand_masks():
    networks = CycleNetworks(*(ResNetGenerator(2, *c, blocks=1, base_features=4) for c in ((1, 3), (3, 1))))
    source, image = torch.rand(1, 1, 8, 8), torch.rand(1, 3, 8, 8)
    noise = networks.noise.draw(source)
    assert torch.equal(networks(source, noise), networks.to_image(source, noise))
    assert torch.equal(networks(image, to_mask=True), networks.to_mask(image))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("style_bank", [0, 3])
def test_both_directions_can_be_scripted(style_bank):
    to_image = ResNetGenerator(2, 1, 3, blocks=1, base_features=4, style_bank=style_bank)
    networks = CycleNetworks(to_image, ResNetGenerator(2, 3, 1, blocks=1, base_features=4))
    scripted, condition = torch.jit.script(networks), torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(scripted(condition), networks(condition))
    torch.testing.assert_close(
        scripted(networks(condition), None, to_mask=True), networks(networks(condition), to_mask=True)
    )
