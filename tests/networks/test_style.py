from __future__ import annotations

import pytest
import torch

from monai_genaug.networks import NoiseMaps, Pix2PixUNet, StyleBank, style_statistics


def test_brightness_contrast_and_grain_are_told_apart():
    torch.manual_seed(0)
    grain = torch.rand(1, 1, 32, 32)
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    mean, spread, steps = (style_statistics(torch.cat((grain, ramp, 0.5 * ramp)))[:, part] for part in range(3))
    assert mean.tolist() == pytest.approx([0.5, 0.5, 0.25], abs=0.02)
    assert spread[1] == pytest.approx(2 * spread[2])
    assert steps[0] > 10 * steps[1]


@pytest.mark.parametrize("shape", [(3, 8, 6), (2, 8, 6, 5)], ids=str)
def test_channels_and_volumes(shape):
    image = torch.rand(1, *shape)
    styles = style_statistics(image)
    assert styles.shape == (1, 3 * shape[0])
    torch.testing.assert_close(styles[0, : shape[0]], image[0].flatten(1).mean(1))


def images(count: int) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.rand(1, 12, 12) * (0.1 + 0.8 * number / count) for number in range(count)]


@pytest.mark.parametrize(("count", "different"), [(2, 2), (50, 8)], ids=["fewer images", "more images"])
def test_a_bank_holds_the_styles_of_its_images_at_unit_scale(count, different):
    bank = StyleBank(8, 1)
    bank.fit(iter(images(count)))
    assert len(bank.codes.unique(dim=0)) == different
    everything = torch.cat([bank.standardize(style_statistics(image[None])) for image in images(count)])
    assert everything.mean(0).abs().max() < 1e-4
    assert everything.std(0, correction=0).tolist() == pytest.approx([1, 1, 1], abs=0.01)
    assert (torch.cdist(bank.codes, everything).min(dim=1).values < 1e-4).all()


def test_what_is_drawn_depends_on_the_seed_alone_and_covers_the_bank():
    bank = StyleBank(4, 1)
    bank.fit(images(4))
    drawn = bank.draw(range(60))
    assert torch.equal(bank.draw([7])[0], drawn[7])
    nearest = torch.cdist(drawn, bank.codes).argmin(dim=1)
    assert set(nearest.tolist()) == {0, 1, 2, 3}


def test_images_of_other_channels_and_none_are_refused():
    with pytest.raises(ValueError, match="images of 3 channels, expected some of 1"):
        StyleBank(4, 1).fit([torch.rand(3, 8, 8)])
    with pytest.raises(ValueError, match="no image"):
        StyleBank(4, 1).fit([])
    with pytest.raises(ValueError, match="style_bank is 0"):
        StyleBank(0, 1)


def test_styles_take_the_first_maps_and_are_kept_when_the_look_is_drawn_anew():
    maps = NoiseMaps(2, 1, 1, spacing=4, style=3)
    noise = maps.draw(torch.zeros(2, 1, 8, 8))
    assert noise.shape == (2, 7, 8, 8)
    style = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
    styled = maps.with_style(noise, style)
    assert torch.equal(styled[:, :3, 5, 2], style)
    assert torch.equal(styled[:, 3:], noise[:, 3:])
    again = maps.redraw_look(styled)
    assert torch.equal(again[:, :3], styled[:, :3])
    assert torch.equal(again[:, 6:], styled[:, 6:])
    assert not torch.isclose(again[:, 3:6], styled[:, 3:6]).any()


def test_a_network_without_a_bank_takes_no_style():
    plain, styled = (Pix2PixUNet(2, 1, 3, levels=2, base_features=4, style_bank=size) for size in (0, 5))
    assert plain.styles is None
    assert plain.noise.style == 0
    assert styled.noise.style == 9
    assert styled.noise_channels == plain.noise_channels + 9
