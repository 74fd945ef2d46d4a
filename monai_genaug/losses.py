"""Losses that MONAI lacks or that its own cannot give here."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_choice


class PatchGANLoss(nn.Module):
    """Mean adversarial loss over a discriminator's patch logits.

    ``"bce"``: the cross-entropy of Goodfellow et al. 2014 in its non-saturating form, computed from logits so that it
    can run under autocast. ``"lsgan"``: Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 9.
    ``"hinge"``: Lim & Ye 2017, "Geometric GAN", eq. 12 and 13: real patches shall lie above 1 and synthetic ones below
    -1, no matter how far; the generator raises its own without end.

    Args:
        kind: ``"bce"``, ``"lsgan"`` or ``"hinge"``.
        label_smoothing: the target of real patches is ``1 - label_smoothing`` when the discriminator is trained
            (one-sided: Salimans et al. 2016, section 3.4), in [0, 0.5].

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> PatchGANLoss("lsgan").for_generator(torch.zeros(1, 1, 4, 4))
        tensor(1.)
    """

    def __init__(self, kind: str = "bce", label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.kind = check_choice("kind", kind, ("bce", "lsgan", "hinge"))
        if not 0.0 <= label_smoothing <= 0.5:
            raise ValueError(f"label_smoothing is {label_smoothing}, expected a number from 0 to 0.5.")
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: float) -> Tensor:
        """Compare logits (B, 1, *P) of any scale with a target in [0, 1]; returns a scalar."""
        if self.kind == "hinge":
            real, fake = functional.relu(1.0 - logits).mean(), functional.relu(1.0 + logits).mean()
            return target * real + (1.0 - target) * fake
        wanted = torch.full_like(logits, target)
        if self.kind == "bce":
            return functional.binary_cross_entropy_with_logits(logits, wanted)
        return functional.mse_loss(logits, wanted)

    def for_discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Loss of the discriminator: half the sum over real and synthetic patches; a scalar."""
        return 0.5 * (self(real_logits, 1.0 - self.label_smoothing) + self(fake_logits, 0.0))

    def for_generator(self, fake_logits: Tensor) -> Tensor:
        """Loss of the generator: its patches should be taken for real ones; a scalar."""
        return -fake_logits.mean() if self.kind == "hinge" else self(fake_logits, 1.0)


def feature_matching_loss(real_maps: Sequence[Tensor], fake_maps: Sequence[Tensor]) -> Tensor:
    """Mean distance of what a discriminator's layers see in a real and in a synthetic image, for the generator.

    Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs", eq. 3, averaged
    over layers. The logits are no features and are left out.

    Args:
        real_maps: a discriminator's outputs for real images, (B, F, *P) each, the logits last; no gradient goes there.
        fake_maps: its outputs for synthetic images, of equal shapes.

    Returns:
        Scalar >= 0.

    Raises:
        ValueError: if there are no features beside the logits, or not equally many.

    Example:
        >>> maps = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 2, 2)]
        >>> feature_matching_loss(maps, [maps[0] + 0.5, maps[1] + 9.0])
        tensor(0.5000)
    """
    if len(real_maps) != len(fake_maps) or len(fake_maps) < 2:
        raise ValueError(
            f"got {len(real_maps)} maps of real and {len(fake_maps)} of synthetic images, expected equally many, 2 or "
            "more: use a discriminator that gives its layers' features before its logits, as PatchDiscriminator does."
        )
    pairs = zip(real_maps[:-1], fake_maps[:-1], strict=True)
    return torch.stack([functional.l1_loss(fake, real.detach()) for real, fake in pairs]).mean()


def mode_seeking_loss(image_a: Tensor, image_b: Tensor, noise_a: Tensor, noise_b: Tensor, eps: float = 1e-5) -> Tensor:
    """Inverse of how far two images of one condition move apart for how far their noise does, over a batch.

    Mao et al. 2019, "Mode Seeking Generative Adversarial Networks for Diverse Image Synthesis", eq. 3, with L1
    distances; its inverse is minimised, as in the authors' experiments. Distances are averaged over the batch before
    they are inverted: the inverse of each row's own would be huge where there is little to vary, such as in crops of
    empty background, and drive the generator to make up objects there.

    Args:
        image_a: (B, C, *S).
        image_b: (B, C, *S), the same condition, other noise.
        noise_a: (B, N, *S).
        noise_b: (B, N, *S).
        eps: keeps the inverse finite when both images are equal.

    Returns:
        Scalar >= 0; small where seeds differ.

    Example:
        >>> zeros, ones = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
        >>> round(mode_seeking_loss(zeros, 0.5 * ones, zeros, ones).item(), 3)
        2.0
    """
    image_distance, noise_distance = (image_a - image_b).abs().mean(), (noise_a - noise_b).abs().mean()
    return 1.0 / (image_distance / noise_distance.clamp_min(eps) + eps)


POLARITIES = {"dark": -1.0, "bright": 1.0}


def polarity_loss(image: Tensor, mask: Tensor, polarity: str, *, margin: float = 0.2) -> Tensor:
    """How far objects are from being darker, or brighter, than the rest of their image by a margin.

    Without pairs nothing says which side of an outline is the object: a cycle can take gaps between nuclei for nuclei.
    One bit of knowledge settles it.

    Args:
        image: (B, C, *S) in [-1, 1].
        mask: (B, K, *S) in [0, 1], of any channel: an object; it may be soft.
        polarity: ``"dark"`` or ``"bright"``.
        margin: between the mean intensities of objects and of the rest, beyond which nothing is lost.

    Returns:
        Scalar, the mean over rows; one with hardly any object, or hardly anything else, counts as 0.

    Raises:
        ValueError: for another polarity.

    Example:
        >>> image, mask = torch.tensor([[[[-0.5, 0.5]]]]), torch.tensor([[[[1.0, 0.0]]]])
        >>> polarity_loss(image, mask, "dark"), polarity_loss(image, mask, "bright")
        (tensor(0.), tensor(1.2000))
    """
    sign = POLARITIES[check_choice("polarity", polarity, POLARITIES)]
    inside = mask.amax(dim=1).flatten(1)  # (B, voxels)
    grey = image.mean(dim=1).flatten(1)
    share = inside.mean(dim=1)
    both = (share > 0.01) & (share < 0.99)
    means = [(grey * part).mean(dim=1) / part.mean(dim=1).clamp_min(1e-3) for part in (inside, 1.0 - inside)]
    lost: Tensor = functional.relu(margin - sign * (means[0] - means[1])) * both
    return lost.mean()
