from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from monai_genaug.losses import PatchGANLoss, mode_seeking_loss
from monai_genaug.training import Pix2PixEngine, patch_discriminator
from tests.helpers import build


def engine(
    batch,
    *,
    network: dict[str, Any] | None = None,
    wrap: Callable[[nn.Module], nn.Module] | None = None,
    **kwargs,
) -> Pix2PixEngine:
    torch.manual_seed(0)
    generator, discriminator = build(**(network or {})), patch_discriminator(2, 2, base_features=4, layers=1)
    return Pix2PixEngine(
        generator=generator,
        g_network=wrap(generator.network) if wrap else None,
        discriminator=discriminator,
        device="cpu",
        max_epochs=1,
        train_data_loader=[batch],
        g_optimizer=torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999)),
        d_optimizer=torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999)),
        **kwargs,
    )


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    return {"image": torch.rand(2, 1, 16, 16), "label": torch.ones(2, 1, 16, 16)}


def receptive_field(network: nn.Module) -> int:
    field, jump = 1, 1
    for conv in (m for m in network.modules() if isinstance(m, nn.Conv2d)):
        field += (conv.kernel_size[0] - 1) * jump
        jump *= conv.stride[0]
    return field


@pytest.mark.parametrize(("layers", "field"), [(3, 70), (2, 34), (1, 16)])
def test_the_patch_discriminator_has_the_papers_receptive_fields(layers, field):
    assert receptive_field(patch_discriminator(2, 2, base_features=4, layers=layers)) == field


def test_a_patch_logit_sees_its_field_and_no_more():
    network = patch_discriminator(2, 1, base_features=4, layers=2, norm="batch").eval()
    image = torch.zeros(1, 1, 96, 96, requires_grad=True)
    logits = network(image)[-1]
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    rows = image.grad[0, 0].abs().sum(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 34


def test_losses_are_those_of_the_paper(batch):
    pix2pix = engine(batch, lambda_l1=100.0, lambda_mode_seeking=0.0, adversarial_loss=PatchGANLoss("lsgan"))
    tensors = pix2pix.forward(batch["image"], batch["label"])
    losses = pix2pix.g_losses(tensors)
    assert set(losses) == {"g_adversarial", "g_l1"}
    expected = 100.0 * (tensors["fake"] - (2 * batch["image"] - 1)).abs().mean()
    assert losses["g_l1"].item() == pytest.approx(expected.item())


def test_the_discriminator_sees_condition_and_image(batch):
    pix2pix = engine(batch)
    seen = []
    pix2pix.d_network.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    pix2pix.run()
    assert [tuple(x.shape) for x in seen] == [(2, 2, 16, 16)] * 3
    assert torch.equal(seen[0][:, :1], torch.ones(2, 1, 16, 16))  # the condition
    torch.testing.assert_close(seen[0][:, 1:], 2 * batch["image"] - 1)
    assert not seen[1].requires_grad  # synthetic, detached
    assert seen[2].requires_grad


def test_mode_seeking_makes_seeds_differ_where_l1_alone_unlearns_noise():
    torch.manual_seed(0)
    batch = {"image": torch.full((4, 1, 16, 16), 0.5), "label": torch.ones(4, 1, 16, 16)}
    spread = {}
    for weight in (0.0, 5.0):
        pix2pix = engine(batch, lambda_mode_seeking=weight)
        pix2pix.data_loader = [batch] * 120
        pix2pix.state.epoch_length = 120
        for group in pix2pix.g_optimizer.param_groups:
            group["lr"] = 2e-3
        pix2pix.run()
        generator = pix2pix.generator.eval()
        condition = generator.encode(batch["label"])
        spread[weight] = generator.sample(condition, seeds=[1, 2, 3, 4]).std(0).mean().item()
    assert spread[5.0] > 2 * spread[0.0]
    assert spread[5.0] > 0.01


def test_mode_seeking_is_weighted_and_sees_another_look_of_the_same_texture(batch):
    pix2pix = engine(batch, lambda_mode_seeking=0.5)
    tensors = pix2pix.forward(batch["image"], batch["label"])
    seen = []
    pix2pix.g_network.register_forward_pre_hook(lambda module, args: seen.append(args))
    pix2pix.g_network.register_forward_hook(lambda module, args, output: seen.append(output))
    losses = pix2pix.g_losses(tensors)
    (condition, noise), image = seen
    assert torch.equal(condition, tensors["condition"])
    kept = pix2pix.generator.network.noise.latent + pix2pix.generator.network.noise.smooth
    assert torch.equal(noise[:, kept:], tensors["noise"][:, kept:])
    expected = 0.5 * mode_seeking_loss(tensors["fake"], image, tensors["noise"], noise)
    assert losses["g_mode_seeking"].item() == pytest.approx(expected.item())


@pytest.mark.parametrize("name", ["lambda_l1", "lambda_mode_seeking"])
@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_weights_that_are_no_weights_are_refused(batch, name, weight):
    with pytest.raises(ValueError, match=f"{name} is {weight}, expected at least 0"):
        engine(batch, **{name: weight})


def test_mode_seeking_without_noise_is_refused(batch):
    no_noise = {"latent_channels": 0, "smooth_channels": 0, "noise_channels": 0}
    with pytest.raises(ValueError, match="mode seeking needs noise"):
        engine(batch, network=no_noise)
    engine(batch, network=no_noise, lambda_mode_seeking=0).run()


class Wrapper(nn.Module):
    """Counts its calls, and stands for a `DistributedDataParallel`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module, self.calls = module, 0

    def forward(self, *args):
        self.calls += 1
        return self.module(*args)


def test_a_wrapped_network_is_called_in_the_place_of_the_generators(batch):
    pix2pix = engine(batch, wrap=Wrapper)
    pix2pix.run()
    assert pix2pix.g_network.module is pix2pix.generator.network
    assert pix2pix.g_network.calls == 2  # the synthetic image, and that of another look


def test_images_of_the_engine_are_in_the_networks_range(batch):
    tensors = engine(batch).forward(batch["image"], batch["label"])
    torch.testing.assert_close(tensors["real"], 2 * batch["image"] - 1)
    assert tensors["fake"].min() >= -1
    assert tensors["fake"].max() <= 1
    assert torch.equal(tensors["condition"], torch.ones(2, 1, 16, 16))
