"""The engine of Pix2Pix: conditional adversarial loss, L1, mode seeking."""

from __future__ import annotations

from typing import Any

from torch import nn

from monai_genaug.generators.pix2pix import Pix2PixGenerator
from monai_genaug.losses import PatchGANLoss
from monai_genaug.training.paired import PairedEngine


class Pix2PixEngine(PairedEngine):
    """Trains a `Pix2PixGenerator` on pairs of image and label.

    Isola et al. 2017, eq. 4: conditional adversarial loss + lambda L1; plus the mode-seeking term of Mao et al. 2019,
    so that seeds differ, which L1 alone would unlearn. Unlabelled images and styles: see `PairedEngine`.

    Args:
        generator: its `network` is trained; its encoding makes the conditions.
        g_network: its `network` as it is trained, if wrapped in `DistributedDataParallel`.
        discriminator: as of `PairedEngine`.
        adversarial_loss: loss of the patch logits.
        lambda_l1: weight of the L1 distance, images in [-1, 1].
        lambda_mode_seeking: weight of the mode-seeking term; 0 leaves out its second pass.
        lambda_unlabelled: weight of the second adversarial loss, where the batch has unlabelled images.
        kwargs: see `AdversarialEngine`.

    Example:
        >>> import torch
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
        super().__init__(
            generator=generator,
            discriminator=discriminator,
            g_network=g_network,
            adversarial_loss=adversarial_loss or PatchGANLoss(),
            lambda_l1=lambda_l1,
            lambda_mode_seeking=lambda_mode_seeking,
            lambda_unlabelled=lambda_unlabelled,
            **kwargs,
        )
