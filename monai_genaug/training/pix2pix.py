"""The engine of Pix2Pix: conditional adversarial loss, L1, mode seeking."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets import PatchDiscriminator
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug.generators.pix2pix import Pix2PixGenerator
from monai_genaug.losses import PatchGANLoss, mode_seeking_loss
from monai_genaug.networks.pix2pix_unet import init_pix2pix
from monai_genaug.training.adversarial import AdversarialEngine
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
        for name, weight in (("lambda_l1", lambda_l1), ("lambda_mode_seeking", lambda_mode_seeking)):
            if not weight >= 0:
                raise ValueError(f"{name} is {weight}, expected a weight of at least 0.")
        if lambda_mode_seeking > 0 and not generator.network.noise.channels:
            raise ValueError("mode seeking needs noise: give the network noise channels, or set lambda_mode_seeking=0.")
        super().__init__(g_network=g_network or generator.network, d_network=discriminator, **kwargs)
        self.generator = generator
        self.adversarial_loss = adversarial_loss or PatchGANLoss()
        self.lambda_l1, self.lambda_mode_seeking = lambda_l1, lambda_mode_seeking

    def forward(self, image: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Synthesise from the batch's labels; images go from [0, 1] to the network's [-1, 1]."""
        condition = self.generator.encode(label)
        noise = self.generator.network.noise.draw(condition)
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
        losses = {
            "g_adversarial": self.adversarial_loss.for_generator(logits),
            "g_l1": self.lambda_l1 * functional.l1_loss(fake, tensors["real"]),
        }
        if self.lambda_mode_seeking > 0:
            other_noise = self.generator.network.noise.redraw_look(noise)
            other = self.g_network(condition, other_noise)
            losses["g_mode_seeking"] = self.lambda_mode_seeking * mode_seeking_loss(fake, other, noise, other_noise)
        return losses

    def _logits(self, discriminator: nn.Module, condition: Tensor, image: Tensor) -> Tensor:
        return discriminator(torch.cat((condition, self.blur_for_discriminator(image)), dim=1))[-1]


def patch_discriminator(
    spatial_dims: int, in_channels: int, *, base_features: int = 64, layers: int = 3, norm: str = "batch"
) -> PatchDiscriminator:
    """Build MONAI's `PatchDiscriminator` as in Pix2Pix; 3 layers give the paper's 70x70 receptive field.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of condition and image together.
        base_features: features of the first layer.
        layers: convolutions between the first and the last; each but one halves the map.
        norm: ``"batch"`` or ``"instance"``.

    Returns:
        A network from (B, in_channels, *S) to a list whose last entry is (B, 1, *P).

    Raises:
        ValueError: if `base_features` or `layers` is below 1.

    Example:
        >>> patch_discriminator(2, 2, base_features=8)(torch.zeros(1, 2, 256, 256))[-1].shape
        torch.Size([1, 1, 30, 30])
    """
    for name, value in (("base_features", base_features), ("layers", layers)):
        if value < 1:
            raise ValueError(f"{name} of the discriminator is {value}, expected at least 1.")
    network = PatchDiscriminator(
        spatial_dims=spatial_dims,
        channels=base_features,
        in_channels=in_channels,
        num_layers_d=layers,
        norm=(norm, {"affine": True}),
    )
    network.apply(init_pix2pix)
    return network
