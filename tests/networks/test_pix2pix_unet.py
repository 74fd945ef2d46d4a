from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_genaug.networks import Pix2PixUNet


def test_the_papers_network_at_256_pixels():
    network = Pix2PixUNet(2, in_channels=3, out_channels=3, latent_channels=0, smooth_channels=0, noise_channels=0)
    downs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    ups = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.out_channels for m in downs] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [m.out_channels for m in ups] == [512, 512, 512, 512, 256, 128, 64, 3]
    assert {(m.kernel_size, m.stride) for m in downs + ups} == {((4, 4), (2, 2))}
    assert len([m for m in network.modules() if isinstance(m, nn.Dropout2d | nn.Dropout) and m.p == 0.5]) == 3
    assert network.eval()(torch.zeros(1, 3, 256, 256), torch.zeros(1, 0, 256, 256)).shape == (1, 3, 256, 256)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_the_outermost_and_the_one_pixel_innermost_level_have_no_norm(norm: str):
    network = Pix2PixUNet(2, 1, 1, levels=3, base_features=4, norm=norm)
    kind = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}[norm]
    assert [sum(isinstance(m, kind) for m in block.modules()) for block in network.down] == [0, 1, 0]
    image = network.train()(torch.rand(1, 1, 8, 8), torch.randn(1, 12, 8, 8))  # one pixel at the innermost level
    assert torch.isfinite(image).all()


def test_weights_start_from_the_papers_normal_distribution():
    torch.manual_seed(0)
    network = Pix2PixUNet(2, 1, 1, levels=4, base_features=32)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.weight.numel() > 5000:
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("dims", [2, 3])
def test_every_weight_gets_a_gradient(dims: int):
    network = Pix2PixUNet(dims, 2, 3, levels=3, base_features=4)
    size = (2, 16, 16, 8)[: dims + 1]
    network(torch.rand(2, *size), torch.randn(2, 12, *size[1:])).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_constant_noise_maps_change_the_whole_image_and_white_ones_its_texture():
    torch.manual_seed(0)
    network = Pix2PixUNet(2, 1, 1, levels=3, base_features=8).eval()
    condition, noise = torch.zeros(1, 1, 32, 32), torch.zeros(1, 12, 32, 32)
    plain = network(condition, noise)
    latent, white = noise.clone(), noise.clone()
    latent[:, :4] = 3.0
    white[:, 8:, 16, 16] = 3.0  # one pixel
    changed = [(network(condition, other) - plain).abs() > 1e-7 for other in (latent, white)]
    assert changed[0].float().mean() > 0.95
    assert changed[1][..., 14:19, 14:19].any()


@pytest.mark.parametrize("dims", [2, 3])
def test_without_noise_its_mean_is_taken(dims: int):
    network = Pix2PixUNet(dims, 2, 1, levels=2, base_features=4).eval()
    condition = torch.rand(2, 2, *(8, 12, 4)[:dims])
    assert torch.equal(network(condition), network(condition, torch.zeros(2, 12, *condition.shape[2:])))


def test_a_network_of_another_number_of_noise_maps_takes_so_many():
    network = Pix2PixUNet(2, 1, 1, levels=2, base_features=4, latent_channels=1, smooth_channels=0, noise_channels=2)
    assert network.noise_channels == network.noise.channels == 3
    assert network(torch.rand(1, 1, 8, 8)).shape == (1, 1, 8, 8)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize(
    "kwargs",
    [
        {"spatial_dims": 2},
        {"spatial_dims": 3, "norm": "instance"},
        {"spatial_dims": 2, "noise_channels": 0},
        {"spatial_dims": 2, "style_bank": 3},
    ],
    ids=["2d", "3d", "less noise", "styles"],
)
def test_it_can_be_scripted_and_then_gives_the_same_with_and_without_noise(kwargs: dict):
    network = Pix2PixUNet(in_channels=2, out_channels=3, levels=2, base_features=4, **kwargs).eval()
    scripted = torch.jit.script(network)
    condition = torch.rand(2, 2, *(8, 12, 4)[: kwargs["spatial_dims"]])
    noise = network.noise.draw(condition)
    torch.testing.assert_close(scripted(condition, noise), network(condition, noise))
    torch.testing.assert_close(scripted(condition), network(condition))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_scripted_network_comes_back_from_a_file(tmp_path):
    network = Pix2PixUNet(2, 1, 1, levels=2, base_features=4).eval()
    torch.jit.script(network).save(str(tmp_path / "model.ts"))
    condition = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(torch.jit.load(str(tmp_path / "model.ts"))(condition), network(condition))


@pytest.mark.parametrize(
    "kwargs",
    [{"levels": 1}, {"levels": 13}, {"norm": "layer"}, {"spatial_dims": 4}, {"dropout": 1.2}],
    ids=str,
)
def test_wrong_settings_are_refused(kwargs: dict):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        Pix2PixUNet(**{"spatial_dims": 2, "in_channels": 1, "out_channels": 1, **kwargs})


@pytest.mark.parametrize(
    "change", [{"base_features": 0}, {"noise_channels": -1}, {"dropout": -0.1}, {"in_channels": 0}], ids=str
)
def test_arguments_out_of_range_are_refused_by_name(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Pix2PixUNet(**{"spatial_dims": 2, "in_channels": 1, "out_channels": 1, **change})
