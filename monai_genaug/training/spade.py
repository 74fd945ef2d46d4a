"""The engine of SPADE: hinge loss, feature matching, L1, mode seeking."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from monai_genaug._checks import check_at_least
from monai_genaug.generators.spade import SPADEGenerator
from monai_genaug.losses import PatchGANLoss, feature_matching_loss
from monai_genaug.training.paired import PairedEngine
from monai_genaug.training.processes import unwrap


class SPADEEngine(PairedEngine):
    """Trains a `SPADEGenerator` on pairs of image and label.

    Park et al. 2019, appendix A: hinge loss and feature matching (Wang et al. 2018, eq. 3), weighted 10. The distance
    of a VGG network's features, which needs weights that were trained on photographs, is left out; an L1 distance can
    stand in its place. Plus the mode-seeking term of Mao et al. 2019. Unlabelled images and styles: see
    `PairedEngine`.

    Args:
        generator: its `network` is trained; its encoding makes the conditions.
        g_network: its `network` as it is trained, if wrapped in `DistributedDataParallel`.
        discriminator: as of `PairedEngine`; the list that it gives holds the features of its layers before the logits.
        adversarial_loss: loss of the patch logits.
        lambda_features: weight of feature matching; 0 leaves out its pass.
        lambda_l1: weight of the L1 distance, images in [-1, 1].
        lambda_mode_seeking: weight of the mode-seeking term; 0 leaves out its second pass.
        lambda_unlabelled: weight of the second adversarial loss, where the batch has unlabelled images.
        kwargs: see `AdversarialEngine`.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import SPADEResNet
        >>> from monai_genaug.training import patch_discriminator
        >>> generator = SPADEGenerator(SPADEResNet(2, 1, 1, levels=2, base_features=4), BinaryEncoding())
        >>> discriminator = patch_discriminator(2, 2, base_features=4, layers=1)
        >>> batch = {"image": torch.rand(2, 1, 16, 16), "label": torch.ones(2, 1, 16, 16)}
        >>> engine = SPADEEngine(
        ...     generator=generator, discriminator=discriminator, device="cpu", max_epochs=1, train_data_loader=[batch],
        ...     g_optimizer=torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999)),
        ...     d_optimizer=torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999)))
        >>> engine.run()
        >>> sorted(name for name in engine.state.output if name.startswith("g_"))
        ['g_adversarial', 'g_features', 'g_l1', 'g_loss', 'g_mode_seeking']
    """

    def __init__(
        self,
        *,
        generator: SPADEGenerator,
        discriminator: nn.Module,
        g_network: nn.Module | None = None,
        adversarial_loss: PatchGANLoss | None = None,
        lambda_features: float = 10.0,
        lambda_l1: float = 10.0,
        lambda_mode_seeking: float = 0.1,
        lambda_unlabelled: float = 1.0,
        **kwargs: Any,
    ) -> None:
        check_at_least(0, lambda_features=lambda_features)
        super().__init__(
            generator=generator,
            discriminator=discriminator,
            g_network=g_network,
            adversarial_loss=adversarial_loss or PatchGANLoss("hinge"),
            lambda_l1=lambda_l1,
            lambda_mode_seeking=lambda_mode_seeking,
            lambda_unlabelled=lambda_unlabelled,
            **kwargs,
        )
        self.lambda_features = lambda_features

    def distances(self, tensors: dict[str, Tensor], fake_maps: list[Tensor]) -> dict[str, Tensor]:
        """Weighted L1 distance to the real image, and weighted distance of the discriminator's features of both."""
        losses = super().distances(tensors, fake_maps)
        if self.lambda_features > 0:
            with torch.no_grad():
                real_maps = self.see(unwrap(self.d_network), tensors, "real", "unlabelled")[0]
            losses["g_features"] = self.lambda_features * feature_matching_loss(real_maps, fake_maps)
        return losses
