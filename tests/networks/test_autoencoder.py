from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.networks.nets import AutoencoderKL
from torch import Tensor

from monai_genaug.networks import KLAutoencoder


def small(dims: int = 2, channels: int = 1, **settings: Any) -> KLAutoencoder:
    torch.manual_seed(0)
    return KLAutoencoder(dims, channels, **{"channels": (4, 8, 8), "latent_channels": 3, "norm_groups": 2, **settings})


def images(dims: int = 2, channels: int = 1) -> Tensor:
    return 2 * torch.rand(2, channels, *(16, 24, 8)[:dims], generator=torch.Generator().manual_seed(0)) - 1


@pytest.mark.parametrize("res_blocks", [1, 2])
@pytest.mark.parametrize("dims", [2, 3])
def test_it_is_monais_network_without_its_attention(dims: int, res_blocks: int):
    ours, image = small(dims, channels=2, res_blocks=res_blocks), images(dims, channels=2)
    theirs = AutoencoderKL(
        dims,
        in_channels=2,
        out_channels=2,
        num_res_blocks=res_blocks,
        channels=(4, 8, 8),
        attention_levels=(False,) * 3,
        latent_channels=3,
        norm_num_groups=2,
        with_encoder_nonlocal_attn=False,
        with_decoder_nonlocal_attn=False,
    )
    state = ours.state_dict()
    theirs.load_state_dict({name: state[name] for name in state.keys() - {"shift", "scale"}})
    mean, sigma = theirs.encode(image)
    torch.testing.assert_close(ours.encode(image), mean)
    torch.testing.assert_close(ours.posterior(image)[1], 2 * sigma.log())
    torch.testing.assert_close(ours.decode(mean), theirs.decode(mean))


def test_shift_and_scale_change_the_latents_and_not_what_they_stand_for():
    autoencoder, image = small(), images()
    plain, again = autoencoder.encode(image), autoencoder.decode(autoencoder.encode(image))
    autoencoder.shift.copy_(torch.tensor([1.0, -2.0, 0.5]).reshape(1, 3, 1, 1))
    autoencoder.scale.fill_(4.0)
    latents = autoencoder.encode(image)
    torch.testing.assert_close(latents[:, 1], 4 * (plain[:, 1] + 2))
    torch.testing.assert_close(autoencoder.decode(latents), again)


def test_what_it_is_trained_with_does_not_know_shift_and_scale():
    autoencoder, image = small(), images()
    torch.manual_seed(1)
    plain = autoencoder(image)
    autoencoder.scale.fill_(4.0)
    torch.manual_seed(1)
    assert all(torch.equal(one, other) for one, other in zip(plain, autoencoder(image), strict=True))


def test_training_draws_latents_with_the_posteriors_deviation():
    autoencoder, image = small(), images()[:1].expand(500, -1, -1, -1)
    drawn: list[Tensor] = []
    autoencoder.post_quant_conv.register_forward_pre_hook(lambda _, args: drawn.append(args[0]))
    torch.manual_seed(0)
    mean, log_variance = autoencoder(image)[1:]
    noise = (drawn[0] - mean) / (0.5 * log_variance).exp()
    assert noise.mean().item() == pytest.approx(0.0, abs=0.02)
    assert noise.std().item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("dims", [2, 3])
def test_every_weight_gets_a_gradient(dims: int):
    autoencoder = small(dims)
    sum(part.square().mean() for part in autoencoder(images(dims))).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in autoencoder.parameters())


@pytest.mark.parametrize("dims", [2, 3])
def test_it_takes_its_least_size_and_keeps_the_size(dims: int):
    autoencoder = small(dims, channels=3, norm_groups=4)
    assert (autoencoder.stride, autoencoder.least_size) == (4, 8)
    image = torch.rand(1, 3, *(8,) * dims)
    assert autoencoder.encode(image).shape == (1, 3, *(2,) * dims)
    assert autoencoder(image).image.shape == image.shape


@pytest.mark.parametrize("call", ["encode", "forward"])
def test_a_size_that_would_come_back_smaller_is_refused(call: str):
    with pytest.raises(ValueError, match="a side of 18, expected multiples of 4"):
        getattr(small(), call)(torch.rand(1, 1, 16, 18))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_it_can_be_scripted():
    autoencoder, image = small(), images()
    scripted = torch.jit.script(autoencoder)
    torch.manual_seed(0)
    made = scripted(image)
    torch.manual_seed(0)
    torch.testing.assert_close(made.image, autoencoder(image).image)


@pytest.mark.parametrize(
    "change",
    [
        {"spatial_dims": 4},
        {"image_channels": 0},
        {"channels": (8,)},
        {"channels": (8, 12)},
        {"latent_channels": 0},
        {"res_blocks": 0},
        {"norm_groups": 0},
    ],
    ids=str,
)
def test_wrong_settings_are_refused_by_name(change: dict):
    with pytest.raises(ValueError, match=next(iter(change))):
        KLAutoencoder(**{"spatial_dims": 2, "image_channels": 1, **change})
