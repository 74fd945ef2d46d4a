from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_genaug.generators import CycleGANGenerator
from monai_genaug.masks import BinaryEncoding, OneHotEncoding
from monai_genaug.networks import CycleNetworks, ResNetGenerator, style_statistics
from monai_genaug.training import CycleGANEngine, TwoDiscriminators, patch_discriminator
from tests.helpers import blobs

NO_NOISE = {"latent_channels": 0, "smooth_channels": 0, "noise_channels": 0, "style_bank": 0}


def engine(batch, *, dims: int = 2, channels: int = 1, classes: int | None = None, network=None, **kwargs):
    torch.manual_seed(0)
    encoding = OneHotEncoding(classes) if classes else BinaryEncoding()
    k = encoding.channels
    sizes = {"blocks": 1, "base_features": 4, **(network or {})}
    to_image = ResNetGenerator(dims, k, channels, **sizes)
    networks = CycleNetworks(to_image, ResNetGenerator(dims, channels, k, **{**sizes, **NO_NOISE}))
    discriminators = TwoDiscriminators(
        *(patch_discriminator(dims, n, base_features=4, layers=1, norm="instance") for n in (channels, k))
    )
    options = {"max_epochs": 1, "lambda_identity": 0.5 if k == channels else 0.0, **kwargs}
    return CycleGANEngine(
        generator=CycleGANGenerator(networks, encoding),
        discriminators=discriminators,
        device="cpu",
        train_data_loader=[batch],
        g_optimizer=torch.optim.Adam(networks.parameters(), 2e-3),
        d_optimizer=torch.optim.Adam(discriminators.parameters(), 2e-3),
        **options,
    )


def batch_of(dims: int = 2, channels: int = 1, values: int = 2):
    size = (16, 12, 8)[:dims]
    torch.manual_seed(1)
    return {
        "image": torch.rand(2, channels, *size),
        "label": torch.stack([blobs(size, seed, values) for seed in range(2)]).float(),
    }


class Constant(nn.Module):
    """Stands for both networks: whatever comes, each direction gives its own constant."""

    def __init__(self, image: float, mask: float) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor([image, mask]))

    def forward(self, source, noise=None, to_mask=False):
        return self.values[int(to_mask)].expand_as(source)


def losses_of(cyclegan: CycleGANEngine, image: torch.Tensor, label: torch.Tensor) -> dict[str, float]:
    return {name: value.item() for name, value in cyclegan.g_losses(cyclegan.forward(image, label)).items()}


def test_each_cycle_is_compared_with_the_image_that_it_began_with():
    """The slip of a published listing, a cycle compared with what is of the other domain, would give other figures."""
    batch = {"image": torch.full((1, 1, 16, 16), 0.75), "label": torch.ones(1, 1, 16, 16)}  # x = 0.5, y = 1
    cyclegan = engine(batch, lambda_cycle=1.0, lambda_identity=1.0, g_network=Constant(image=-0.25, mask=0.125))
    losses = losses_of(cyclegan, batch["image"], batch["label"])
    assert losses["g_cycle_image"] == pytest.approx(abs(0.5 + 0.25))  # |x - G(F(x))|
    assert losses["g_cycle_mask"] == pytest.approx(abs(1.0 - 0.125))  # |y - F(G(y))|
    assert losses["g_identity_image"] == pytest.approx(abs(0.5 + 0.25))  # |x - G(x)|
    assert losses["g_identity_mask"] == pytest.approx(abs(1.0 - 0.125))  # |y - F(y)|


def test_cycles_pass_through_both_networks_in_the_right_order():
    batch = batch_of()
    cyclegan = engine(batch, network=NO_NOISE)
    tensors = cyclegan.forward(batch["image"], batch["label"])
    G, F = cyclegan.generator.network.to_image, cyclegan.generator.network.to_mask
    image, mask = batch["image"], (batch["label"] > 0).float()
    torch.testing.assert_close(tensors["fake_image"], G(mask))
    torch.testing.assert_close(tensors["fake_mask"], F(image))
    torch.testing.assert_close(tensors["cycled_image"], G(0.5 * (F(image) + 1)))
    torch.testing.assert_close(tensors["cycled_mask"], F(0.5 * (G(mask) + 1)))


def test_images_are_made_and_translated_back_in_the_style_of_the_real_one():
    batch = batch_of(channels=3)
    cyclegan = engine(batch, channels=3, classes=2, network={"style_bank": 4})
    styles = cyclegan.generator.styles
    styles.fit(torch.rand(3, 8, 8) * factor for factor in (0.2, 0.6, 1.0))
    style = style_statistics(batch["image"])
    tensors = cyclegan.forward(batch["image"], batch["label"], style=style)
    for name in ("noise", "own_noise"):
        torch.testing.assert_close(tensors[name][:, :9, 9, 4], styles.standardize(style))
    assert not torch.equal(tensors["noise"], tensors["own_noise"])
    other = cyclegan.generator.sample(cyclegan.generator.encode(batch["label"][:1]), seeds=[3])
    assert other.shape == (1, 3, 16, 12)


def test_a_network_that_takes_styles_asks_for_them():
    with pytest.raises(ValueError, match="takes the style of the real image, but the batch has none"):
        engine(batch_of(), network={"style_bank": 4}).run()


def test_polarity_counts_in_both_directions():
    """Neither direction gives any contrast, so each lies the margin of 0.2 off."""
    batch = {"image": torch.full((1, 1, 16, 16), 0.75), "label": torch.zeros(1, 1, 16, 16)}
    batch["label"][..., :4] = 1
    cyclegan = engine(batch, polarity="dark", lambda_polarity=3.0, g_network=Constant(image=-0.25, mask=0.5))
    assert losses_of(cyclegan, batch["image"], batch["label"])["g_polarity"] == pytest.approx(3.0 * 2 * 0.2)
    assert "g_polarity" not in losses_of(engine(batch), batch["image"], batch["label"])


def test_an_unknown_polarity_is_refused():
    with pytest.raises(ValueError, match="polarity is 'pale', expected one of 'dark', 'bright'"):
        engine(batch_of(), polarity="pale")


def test_weights_multiply_their_losses():
    batch = batch_of()
    light, heavy = (
        losses_of(engine(batch, network=NO_NOISE, **weights), batch["image"], batch["label"])
        for weights in ({"lambda_cycle": 1.0}, {"lambda_cycle": 10.0, "lambda_identity": 0.1})
    )
    for name in ("g_cycle_image", "g_cycle_mask"):
        assert heavy[name] == pytest.approx(10 * light[name], rel=1e-5)
    for name in ("g_identity_image", "g_identity_mask"):
        assert heavy[name] == pytest.approx(2 * light[name], rel=1e-5)


@pytest.mark.parametrize(("dims", "channels", "classes"), [(2, 1, None), (2, 3, 2), (3, 1, None), (3, 2, 2)], ids=str)
def test_an_iteration_changes_all_four_networks(dims, channels, classes):
    batch = batch_of(dims, channels)
    cyclegan = engine(batch, dims=dims, channels=channels, classes=classes, lambda_mask=1.0, lambda_mode_seeking=0.1)
    before = {name: value.clone() for name, value in cyclegan.g_network.named_parameters()}
    before_d = {name: value.clone() for name, value in cyclegan.d_network.named_parameters()}
    cyclegan.run()
    assert all(not torch.equal(value, before[name]) for name, value in cyclegan.g_network.named_parameters())
    assert all(not torch.equal(value, before_d[name]) for name, value in cyclegan.d_network.named_parameters())
    assert {"g_mask_consistency", "g_mode_seeking", "d_image", "d_mask"} <= set(cyclegan.state.output)


def test_discriminators_see_earlier_images_once_the_pools_are_full():
    batch = batch_of()
    cyclegan = engine(batch, max_epochs=6, pool_size=3)
    cyclegan.run()
    assert len(cyclegan.image_pool.images) == len(cyclegan.mask_pool.images) == 3
    assert set(cyclegan.parts()) >= {"image_pool", "mask_pool", "g_network", "d_network"}


def test_noise_in_the_cycle_is_of_the_size_asked_for_and_only_there():
    batch = batch_of()
    quiet, noisy = (engine(batch, network=NO_NOISE, cycle_noise=sigma) for sigma in (0.0, 0.5))
    quiet, noisy = (part.forward(batch["image"], batch["label"]) for part in (quiet, noisy))
    torch.testing.assert_close(quiet["fake_image"], noisy["fake_image"])
    assert not torch.allclose(quiet["cycled_mask"], noisy["cycled_mask"])
    translated = torch.zeros(1, 1, 200, 200)
    assert engine(batch, cycle_noise=0.5)._disturb(translated).std().item() == pytest.approx(0.5, rel=0.05)


def test_mask_consistency_is_small_where_the_mask_can_be_read_off_and_large_where_it_cannot():
    batch = batch_of()
    mask = 2.0 * (batch["label"] > 0).float() - 1.0

    class Reader(Constant):
        def forward(self, source, noise=None, to_mask=False):
            return self.answer if to_mask else mask

    losses = []
    for answer in (mask, -mask):
        network = Reader(0.0, 0.0)
        network.answer = answer
        cyclegan = engine(batch, lambda_mask=2.0, g_network=network)
        losses.append(losses_of(cyclegan, batch["image"], batch["label"])["g_mask_consistency"])
    assert losses[0] == pytest.approx(0.0, abs=1e-3)
    assert losses[1] > 1.5


def test_an_identity_loss_between_channels_that_differ_is_refused():
    with pytest.raises(ValueError, match="3 channels and masks 1: set lambda_identity=0"):
        engine(batch_of(channels=3), channels=3, lambda_identity=0.5)


@pytest.mark.parametrize("name", ["lambda_cycle", "lambda_identity", "lambda_mask", "cycle_noise", "pool_size"])
def test_negative_weights_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is -1, expected at least 0"):
        engine(batch_of(), **{name: -1})


def test_the_estimated_condition_has_the_size_of_any_image():
    cyclegan = engine(batch_of())
    image = torch.rand(2, 1, 13, 5)
    estimated = cyclegan.generator.estimate_condition(image)
    assert estimated.shape == (2, 1, 13, 5)
    assert 0 <= estimated.min() <= estimated.max() <= 1
