from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_genaug.losses import PatchGANLoss
from monai_genaug.training import Pix2PixEngine, patch_discriminator
from tests.helpers import TINY, build


def engine(batch, **kwargs) -> Pix2PixEngine:
    torch.manual_seed(0)
    generator, discriminator = build(TINY), patch_discriminator(2, 2, base_features=4, layers=1)
    return Pix2PixEngine(
        generator=generator,
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
