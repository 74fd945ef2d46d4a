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

    Args:
        generator: its `network` is trained; its encoding makes the conditions.
        g_network: its `network` as it is trained, if wrapped in `DistributedDataParallel`.
        discriminator: sees condition and image, K + C channels; gives a list whose last entry are the patch logits, as
            MONAI's `PatchDiscriminator` does.
        adversarial_loss: loss of the patch logits.
        lambda_l1: weight of the L1 distance, images in [-1, 1].
        lambda_mode_seeking: weight of the mode-seeking term; 0 leaves out its second pass.
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
        **kwargs: Any,
    ) -> None:
        check_at_least(0, lambda_l1=lambda_l1)
        self.mode_seeking = ModeSeeking(lambda_mode_seeking, generator.noise)
        super().__init__(g_network=g_network or generator.network, d_network=discriminator, **kwargs)
        self.generator = generator
        self.adversarial_loss = adversarial_loss or PatchGANLoss()
        self.lambda_l1 = lambda_l1

    def forward(self, image: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Synthesise from the batch's labels; images go from [0, 1] to the network's [-1, 1]."""
        condition = self.generator.encode(label)
        noise = self.generator.noise.draw(condition)
        return {
            "condition": condition,
            "noise": noise,
            "real": 2.0 * image - 1.0,
            "fake": self.g_network(condition, noise),
        }

    def d_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial loss on real and on detached synthetic pairs, which batch norm sees apart, as the paper's did."""
        real = self._logits(self.d_network, tensors["condition"], tensors["real"])
        fake = self._logits(self.d_network, tensors["condition"], tensors["fake"].detach())
        return {"d_adversarial": self.adversarial_loss.for_discriminator(real, fake)}

    def g_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial loss, weighted L1 distance to the real image, weighted mode seeking."""
        condition, noise, fake = tensors["condition"], tensors["noise"], tensors["fake"]
        logits = self._logits(unwrap(self.d_network), condition, fake)
        return {
            "g_adversarial": self.adversarial_loss.for_generator(logits),
            "g_l1": self.lambda_l1 * functional.l1_loss(fake, tensors["real"]),
            **self.mode_seeking(lambda other: self.g_network(condition, other), fake, noise),
        }

    def _logits(self, discriminator: nn.Module, condition: Tensor, image: Tensor) -> Tensor:
        return discriminator(torch.cat((condition, self.blur_for_discriminator(image)), dim=1))[-1]
