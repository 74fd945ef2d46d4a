"""What the engines of generators that learn from pairs of image and label have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_at_least
from monai_genaug.generators.noise_network import NoiseNetworkGenerator
from monai_genaug.losses import PatchGANLoss
from monai_genaug.training.adversarial import AdversarialEngine
from monai_genaug.training.mode_seeking import ModeSeeking
from monai_genaug.training.processes import unwrap


class PairedEngine(AdversarialEngine):
    """Trains a `NoiseNetworkGenerator` on pairs of image and label against a discriminator that sees both.

    Its losses are an adversarial one, `distances` to the real image, which a family may add to, and the mode-seeking
    term of Mao et al. 2019, so that seeds differ.

    Images without labels can take part: batches then hold ``unlabelled`` images and ``new_label``, label maps of any
    mask sampler, and a second discriminator, which sees no label, compares what is made of these with those. Where the
    network has a `StyleBank`, batches hold the ``style`` of the images too, and what is made gets the style of the
    image that it is compared with.

    Args:
        generator: its `network` is trained; its encoding makes the conditions.
        g_network: its `network` as it is trained, if wrapped in `DistributedDataParallel`.
        discriminator: sees condition and image, K + C channels; gives a list whose last entry are the patch logits, as
            MONAI's `PatchDiscriminator` does. Where the batch has unlabelled images, `TwoDiscriminators` of which the
            second sees images alone, C channels.
        adversarial_loss: loss of the patch logits.
        lambda_l1: weight of the L1 distance, images in [-1, 1].
        lambda_mode_seeking: weight of the mode-seeking term; 0 leaves out its second pass.
        lambda_unlabelled: weight of the second adversarial loss, where the batch has unlabelled images.
        kwargs: see `AdversarialEngine`.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        *,
        generator: NoiseNetworkGenerator,
        discriminator: nn.Module,
        g_network: nn.Module | None = None,
        adversarial_loss: PatchGANLoss,
        lambda_l1: float,
        lambda_mode_seeking: float,
        lambda_unlabelled: float,
        **kwargs: Any,
    ) -> None:
        check_at_least(0, lambda_l1=lambda_l1, lambda_unlabelled=lambda_unlabelled)
        self.mode_seeking = ModeSeeking(lambda_mode_seeking, generator.noise)
        super().__init__(g_network=g_network or generator.network, d_network=discriminator, **kwargs)
        self.generator, self.adversarial_loss = generator, adversarial_loss
        self.lambda_l1, self.lambda_unlabelled = lambda_l1, lambda_unlabelled

    def forward(
        self,
        image: Tensor,
        label: Tensor,
        *,
        style: Tensor | None = None,
        unlabelled: Tensor | None = None,
        new_label: Tensor | None = None,
        unlabelled_style: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Synthesise from the batch's labels, old and new; images go from [0, 1] to the network's [-1, 1]."""
        condition = self.generator.encode(label)
        noise = self.generator.draw_noise(condition, style)
        tensors = {
            "condition": condition,
            "noise": noise,
            "real": 2.0 * image - 1.0,
            "fake": self.g_network(condition, noise),
        }
        if unlabelled is None or new_label is None:
            return tensors
        new_condition = self.generator.encode(new_label)
        fake = self.g_network(new_condition, self.generator.draw_noise(new_condition, unlabelled_style))
        return {**tensors, "unlabelled": 2.0 * unlabelled - 1.0, "fake_unlabelled": fake}

    def d_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial loss on real and on detached synthetic pairs, which batch norm sees apart, as the paper's did."""
        detached = {name: tensor.detach() for name, tensor in tensors.items()}
        real = self.see(self.d_network, detached, "real", "unlabelled")
        fake = self.see(self.d_network, detached, "fake", "fake_unlabelled")
        pairs = zip(real, fake, strict=True)
        losses = [self.adversarial_loss.for_discriminator(of_real[-1], of_fake[-1]) for of_real, of_fake in pairs]
        return dict(zip(("d_adversarial", "d_unlabelled"), losses, strict=False))

    def g_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial losses, weighted distances to the real image, weighted mode seeking."""
        condition, noise, fake = tensors["condition"], tensors["noise"], tensors["fake"]
        seen = self.see(unwrap(self.d_network), tensors, "fake", "fake_unlabelled")
        losses = {"g_adversarial": self.adversarial_loss.for_generator(seen[0][-1])}
        if len(seen) > 1:
            losses["g_unlabelled"] = self.lambda_unlabelled * self.adversarial_loss.for_generator(seen[1][-1])
        return {
            **losses,
            **self.distances(tensors, seen[0]),
            **self.mode_seeking(lambda other: self.g_network(condition, other), fake, noise),
        }

    def distances(self, tensors: dict[str, Tensor], fake_maps: list[Tensor]) -> dict[str, Tensor]:
        """Weighted L1 distance to the real image.

        Args:
            tensors: of `forward`.
            fake_maps: what the discriminator gives for the synthetic images with their conditions.
        """
        return {"g_l1": self.lambda_l1 * functional.l1_loss(tensors["fake"], tensors["real"])}

    def see(self, discriminator: nn.Module, tensors: dict[str, Tensor], pair: str, alone: str) -> list[list[Tensor]]:
        """Give a discriminator's features and logits of images with their conditions and, if any, of unlabelled ones.

        Args:
            discriminator: the engine's, wrapped or not.
            tensors: of `forward`.
            pair: names the images that it sees with their conditions.
            alone: names those that it sees alone, if there are any.
        """
        joined = torch.cat((tensors["condition"], self.blur_for_discriminator(tensors[pair])), dim=1)
        if alone not in tensors:
            return [discriminator(joined)]
        return list(discriminator(joined, self.blur_for_discriminator(tensors[alone])))
