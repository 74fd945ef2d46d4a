"""The engine of Pix2Pix: conditional adversarial loss, L1, mode seeking."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_at_least
from monai_genaug.generators.pix2pix import Pix2PixGenerator
from monai_genaug.losses import PatchGANLoss
from monai_genaug.training.adversarial import AdversarialEngine
from monai_genaug.training.mode_seeking import ModeSeeking
from monai_genaug.training.processes import unwrap


class Pix2PixEngine(AdversarialEngine):
    """Trains a `Pix2PixGenerator` on pairs of image and label.

    Isola et al. 2017, eq. 4: conditional adversarial loss + lambda L1; plus the mode-seeking term of Mao et al. 2019,
    so that seeds differ, which L1 alone would unlearn.

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

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import Pix2PixUNet
        >>> from monai_genaug.training import patch_discriminator
        >>> generator = Pix2PixGenerator(Pix2PixUNet(2, 1, 1, levels=2, base_features=4), BinaryEncoding())
        >>> discriminator = patch_discriminator(2, 2, base_features=4, layers=1)
        >>> batch = {"image": torch.rand(2, 1, 16, 16), "label": torch.ones(2, 1, 16, 16)}
        >>> engine = Pix2PixEngine(
        ...     generator=generator, discriminator=discriminator, device="cpu", max_epochs=1, train_data_loader=[batch],
        ...     g_optimizer=torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999)),
        ...     d_optimizer=torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999)))
        >>> engine.run()
        >>> sorted(engine.state.output)
        ['d_adversarial', 'd_loss', 'g_adversarial', 'g_l1', 'g_loss', 'g_mode_seeking', 'loss']
    """

    def __init__(
        self,
        *,
        generator: Pix2PixGenerator,
        discriminator: nn.Module,
        g_network: nn.Module | None = None,
        adversarial_loss: PatchGANLoss | None = None,
        lambda_l1: float = 100.0,
        lambda_mode_seeking: float = 1.0,
        lambda_unlabelled: float = 1.0,
        **kwargs: Any,
    ) -> None:
        check_at_least(0, lambda_l1=lambda_l1, lambda_unlabelled=lambda_unlabelled)
        self.mode_seeking = ModeSeeking(lambda_mode_seeking, generator.noise)
        super().__init__(g_network=g_network or generator.network, d_network=discriminator, **kwargs)
        self.generator = generator
        self.adversarial_loss = adversarial_loss or PatchGANLoss()
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
        real = self._logits(self.d_network, detached, "real", "unlabelled")
        fake = self._logits(self.d_network, detached, "fake", "fake_unlabelled")
        losses = [self.adversarial_loss.for_discriminator(*pair) for pair in zip(real, fake, strict=True)]
        return dict(zip(("d_adversarial", "d_unlabelled"), losses, strict=False))

    def g_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial losses, weighted L1 distance to the real image, weighted mode seeking."""
        condition, noise, fake = tensors["condition"], tensors["noise"], tensors["fake"]
        logits = self._logits(unwrap(self.d_network), tensors, "fake", "fake_unlabelled")
        losses = {"g_adversarial": self.adversarial_loss.for_generator(logits[0])}
        if len(logits) > 1:
            losses["g_unlabelled"] = self.lambda_unlabelled * self.adversarial_loss.for_generator(logits[1])
        return {
            **losses,
            "g_l1": self.lambda_l1 * functional.l1_loss(fake, tensors["real"]),
            **self.mode_seeking(lambda other: self.g_network(condition, other), fake, noise),
        }

    def _logits(self, discriminator: nn.Module, tensors: dict[str, Tensor], pair: str, alone: str) -> list[Tensor]:
        """Give the logits of an image with its condition and, where there are unlabelled images, of one alone."""
        joined = torch.cat((tensors["condition"], self.blur_for_discriminator(tensors[pair])), dim=1)
        if alone not in tensors:
            return [discriminator(joined)[-1]]
        return list(discriminator(joined, self.blur_for_discriminator(tensors[alone])))
