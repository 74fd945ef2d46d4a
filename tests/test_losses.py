from __future__ import annotations

import math

import pytest
import torch

from monai_genaug.losses import PatchGANLoss, feature_matching_loss, mode_seeking_loss, polarity_loss


def test_bce_is_the_cross_entropy_of_the_logits():
    logits = torch.full((2, 1, 3, 3), math.log(3.0))  # probability 0.75
    loss = PatchGANLoss("bce")
    assert loss.for_generator(logits).item() == pytest.approx(-math.log(0.75))
    assert loss.for_discriminator(logits, logits).item() == pytest.approx(0.5 * (-math.log(0.75) - math.log(0.25)))


def test_lsgan_is_the_squared_distance_to_the_target():
    real, fake = torch.full((1, 1, 2, 2), 0.8), torch.full((1, 1, 2, 2), 0.3)
    loss = PatchGANLoss("lsgan")
    assert loss.for_discriminator(real, fake).item() == pytest.approx(0.5 * (0.04 + 0.09))
    assert loss.for_generator(fake).item() == pytest.approx(0.49)


def test_smoothing_moves_the_target_of_real_patches_only():
    real, fake = torch.full((1, 1, 2, 2), 0.9), torch.zeros(1, 1, 2, 2)
    smooth = PatchGANLoss("lsgan", label_smoothing=0.1)
    assert smooth.for_discriminator(real, fake).item() == pytest.approx(0.0, abs=1e-12)
    assert smooth.for_generator(fake).item() == pytest.approx(1.0)


def test_hinge_asks_for_a_margin_of_the_discriminator_and_none_of_the_generator():
    real, fake = torch.tensor([[[2.0, 0.5]]]), torch.tensor([[[-3.0, 0.25]]])
    loss = PatchGANLoss("hinge")
    assert loss.for_discriminator(real, fake).item() == pytest.approx(0.5 * (0.5 / 2 + 1.25 / 2))
    assert loss.for_generator(fake).item() == pytest.approx(2.75 / 2)


def test_smoothed_hinge_is_least_at_the_margin():
    smooth, fake = PatchGANLoss("hinge", label_smoothing=0.1), torch.full((1, 1, 2), -1.0)
    at = {value: smooth.for_discriminator(torch.full((1, 1, 2), value), fake).item() for value in (0.0, 1.0, 3.0)}
    assert at == pytest.approx({0.0: 0.5, 1.0: 0.5 * 0.1 * 2, 3.0: 0.5 * 0.1 * 4})


def test_feature_matching_is_the_mean_over_layers_of_their_mean_distance_without_the_logits():
    real = [torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 2, 2), torch.zeros(1, 1, 1, 1)]
    fake = [torch.full((1, 2, 4, 4), 0.5), torch.full((1, 4, 2, 2), -1.0), torch.full((1, 1, 1, 1), 99.0)]
    assert feature_matching_loss(real, fake).item() == pytest.approx((0.5 + 2.0) / 2)


def test_feature_matching_moves_the_synthetic_side_alone():
    real, fake = ([torch.full((1, 1, 2, 2), value, requires_grad=True) for _ in range(2)] for value in (0.0, 1.0))
    feature_matching_loss(real, fake).backward()
    assert real[0].grad is None
    assert (fake[0].grad > 0).all()
    assert fake[1].grad is None


@pytest.mark.parametrize(("real", "fake"), [(1, 1), (3, 2), (0, 0)], ids=["logits alone", "unequal", "nothing"])
def test_feature_matching_without_features_is_refused(real, fake):
    maps = [torch.zeros(1, 1, 2, 2)] * 3
    with pytest.raises(ValueError, match=f"got {real} maps of real and {fake} of synthetic images"):
        feature_matching_loss(maps[:real], maps[:fake])


@pytest.mark.parametrize("kwargs", [{"kind": "wgan"}, {"label_smoothing": 0.6}, {"label_smoothing": -0.1}])
def test_wrong_settings_are_refused(kwargs: dict):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        PatchGANLoss(**kwargs)


def test_mode_seeking_falls_as_images_move_apart_and_its_gradient_moves_them():
    image = torch.zeros(2, 1, 4, 4)
    noise_a, noise_b = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    near = (image + 0.1).requires_grad_()
    loss = mode_seeking_loss(near, image, noise_a, noise_b)
    assert loss.item() == pytest.approx(10.0, rel=1e-3)
    loss.backward()
    assert (near.grad < 0).all()  # descending makes `near` larger, away from 0
    assert mode_seeking_loss(image + 0.5, image, noise_a, noise_b) < loss


def test_mode_seeking_is_finite_for_equal_images():
    image, noise = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    assert torch.isfinite(mode_seeking_loss(image, image, noise, noise))


@pytest.mark.parametrize(("polarity", "lost"), [("dark", 0.0), ("bright", 0.8)])
def test_objects_of_the_wrong_polarity_cost_the_distance_to_the_margin(polarity, lost):
    mask = torch.zeros(1, 2, 4, 4)
    mask[0, 0, :2], mask[0, 1, 2] = 1.0, 1.0  # two classes, twelve pixels
    image = torch.where(mask.amax(dim=1, keepdim=True) > 0, -0.4, 0.2).expand(1, 3, 4, 4)
    assert polarity_loss(image, mask, polarity).item() == pytest.approx(lost)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_polarity_means_nothing_without_objects_or_without_anything_else(share):
    image, mask = torch.rand(1, 1, 8, 8, requires_grad=True), torch.full((1, 1, 8, 8), share)
    loss = polarity_loss(image, mask, "dark")
    loss.backward()
    assert loss.item() == 0.0
    assert torch.isfinite(image.grad).all()


def test_a_soft_mask_is_moved_toward_what_is_dark():
    image = torch.tensor([[[[-0.5, 0.5]]]])
    mask = torch.tensor([[[[0.3, 0.7]]]], requires_grad=True)
    polarity_loss(image, mask, "dark").backward()
    assert mask.grad[0, 0, 0, 0] < 0 < mask.grad[0, 0, 0, 1]
